"""Puts the tiles of a page together: maps that were kept while testing, images that are read again."""

from collections.abc import Mapping
from typing import Any

from mmseg_aux_hrnet.datasets.tiles import read_rgb
from mmseg_aux_hrnet.errors import DataError, ImageError
from mmseg_aux_hrnet.evaluation.tile_keeper import KeptMaps
from mmseg_aux_hrnet.report.page.choice import shown_images
from mmseg_aux_hrnet.report.page.tiles import Tile, small_tile


def kept_tiles(kept: Mapping[str, KeptMaps], metrics: Mapping[str, Any]) -> dict[int, Tile]:
    """Return the tiles that a page shows, by their place in the metrics' list of images.

    Args:
        kept: reference and prediction by the path of the image.
        metrics: content of ``metrics.json``.

    Raises:
        DataError: the maps of an image were not kept.
    """
    return {index: _tile(kept, metrics['images'][index]) for index in shown_images(metrics)}


def _tile(kept: Mapping[str, KeptMaps], record: Mapping[str, Any]) -> Tile:
    if record['image'] not in kept:
        raise DataError(f'{record["image"]} was measured, but its maps were not kept: every image needs a path')
    maps = kept[record['image']]
    try:
        image = read_rgb(record['image'])
    except ImageError:
        image = None  # a loader of another package reads more kinds of files than a browser shows; the page says so
    return small_tile(record['name'], image, label=maps.label.unpack(), prediction=maps.prediction.unpack())
