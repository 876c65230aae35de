"""Puts the tiles of a page together: maps that were kept while testing, images that are read again."""

from collections.abc import Mapping
from typing import Any

from mmseg_aux_hrnet.datasets.tiles import read_rgb
from mmseg_aux_hrnet.errors import ImageError
from mmseg_aux_hrnet.evaluation.tile_keeper import KeptMaps
from mmseg_aux_hrnet.report.page.choice import shown_images
from mmseg_aux_hrnet.report.page.tiles import Tile, small_tile


def kept_tiles(kept: Mapping[str, KeptMaps], metrics: Mapping[str, Any]) -> dict[int, Tile]:
    """Return the tiles that a page shows, by their place in the metrics' list of images.

    Args:
        kept: reference and prediction by the path of the image; an image whose maps are not there has no tile.
        metrics: content of ``metrics.json``.
    """
    records = {index: metrics['images'][index] for index in shown_images(metrics)}
    return {index: _tile(kept[record['image']], record) for index, record in records.items() if record['image'] in kept}


def _tile(maps: KeptMaps, record: Mapping[str, Any]) -> Tile:
    try:
        image = read_rgb(record['image'])
    except ImageError:
        image = None  # a loader of another package reads more kinds of files than a browser shows; the page says so
    return small_tile(record['name'], image, label=maps.label.unpack(), prediction=maps.prediction.unpack())
