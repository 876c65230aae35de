"""The tiles of a report and its table of images, out of ``metrics.json`` and what was kept of the images."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.classes import Classes, Colour
from mmseg_aux_hrnet.evaluation.tile_keeper import MOST_SIDE
from mmseg_aux_hrnet.report.page.choice import Choice, choose_images, class_colours, tile_scores
from mmseg_aux_hrnet.report.page.error_map import NOT_COUNTED, error_kinds, error_map
from mmseg_aux_hrnet.report.page.tables import css_colour, number
from mmseg_aux_hrnet.report.page.tiles import Tile, encode_tile

Metrics = Mapping[str, Any]

TILES_BUDGET = 11_000_000  # bytes of all tiles together; the whole page stays below 15 MB
TILE_BUDGET = 500_000  # bytes of one tile
ROWS_BUDGET = 3_000_000  # bytes of the table of images
VIEWS = (('errors', 'Errors'), ('label', 'Label'), ('prediction', 'Prediction'))
TITLES = {'worst': 'Worst', 'median': 'Around the median', 'best': 'Best', 'others': 'Others, evenly chosen'}


def measured_classes(metrics: Metrics) -> Classes:
    """Return the classes that were measured, each with a colour."""
    names = tuple(row['name'] for row in metrics['classes'])
    name = metrics['class_of_interest']
    return Classes(names, class_colours(metrics), None if name is None else names.index(name))


def shown_colours(classes: Classes) -> dict[int, Colour]:
    """Return the colours that are laid over an image, by class: of two, only that of the class of interest."""
    bare = classes.background if len(classes.names) == 2 and classes.of_interest is not None else None
    return {i: colour for i, colour in enumerate(classes.palette or ()) if i != bare}


def groups(metrics: Metrics, tiles: Mapping[int, Tile]) -> list[dict[str, Any]]:
    """Return the tiles, encoded, group by group; ``tiles`` are by their place in the metrics' list of images."""
    choices = [choice for choice in choose_images(tile_scores(metrics)) if choice.place in tiles]
    classes = measured_classes(metrics)
    budget = min(TILE_BUDGET, TILES_BUDGET // max(len(choices), 1))
    out = []
    for key, title in TITLES.items():
        chosen = [choice for choice in choices if choice.group == key]
        shown = [_shown(metrics, choice, tiles[choice.place], classes=classes, budget=budget) for choice in chosen]
        if shown:
            is_open = key != 'others' or len(shown) == len(choices)
            out.append({'key': key, 'title': title, 'open': is_open, 'tiles': shown})
    return out


def legends(metrics: Metrics) -> dict[str, list[dict[str, str]]]:
    """Return name and colour of everything that the maps show."""
    classes = measured_classes(metrics)
    kinds = error_kinds(len(classes.names), classes.of_interest)
    shown = [(classes.names[i], part) for i, part in shown_colours(classes).items()]
    shown.append((NOT_COUNTED.name, NOT_COUNTED.colour))
    return {
        'errors': [{'name': kind.name, 'colour': css_colour(kind.colour)} for kind in kinds],
        'classes': [{'name': name, 'colour': css_colour(part)} for name, part in shown],
    }


def gallery_note(metrics: Metrics, tiles: Mapping[int, Tile]) -> str:
    """Return which images are shown, and how."""
    name, total = metrics['class_of_interest'], len(metrics['images'])
    ranked = 'mIoU' if name is None else f'IoU of {name}'
    which = 'All images' if len(tiles) == total else f'{len(tiles):,} of {total:,} images'
    bare = sum(tile.image is None for tile in tiles.values())
    without = f' The image of {bare:,} is not known, or of a kind that is not read.' if bare else ''
    return (
        f'{which}, ranked by {ranked}. Larger tiles are shrunk, to {MOST_SIDE} pixels or less; figures are those of '
        f'the whole images.{without}'
    )


def table(metrics: Metrics, tiles: Mapping[int, Tile]) -> tuple[dict[str, Any], str]:
    """Return the table of images for the page's script, and what it says of it.

    A row holds the name, the figures of the columns and the number of the tile, null where it is not shown. A table
    that would make the page too large has the images with tiles only.
    """
    columns = _columns(metrics)
    rows = [
        [image['name'], *(_figure(image, path) for _, path, _ in columns), index if index in tiles else None]
        for index, image in enumerate(metrics['images'])
    ]
    note = 'Choose a heading to sort; names link to the tiles. Undefined figures come last.'
    if len(json.dumps(rows)) > ROWS_BUDGET:
        rows = [row for row in rows if row[-1] is not None]
        note += f' Here are the {len(rows):,} images with tiles; per_image.csv lists all {len(metrics["images"]):,}.'
    heads = [{'title': title, **({} if digits is None else {'digits': digits})} for title, _, digits in columns]
    return {'columns': [{'title': 'Image'}, *heads], 'rows': rows, 'sort': 1}, note


def _columns(metrics: Metrics) -> list[tuple[str, tuple[str, ...], int | None]]:
    """Return title, place in an image's record and decimals of every column after the name."""
    name = metrics['class_of_interest']
    overall = [('mIoU', ('miou',), 2), ('OA', ('oa',), 2), ('Pixels', ('pixels',), None)]
    if name is None:
        every = [(f'IoU {row["name"]}', ('iou', row['name']), 2) for row in metrics['classes']]
        return [*overall[:2], *every, overall[2]]
    keys = (('IoU', 'iou'), ('F1', 'f1'), ('Precision', 'precision'), ('Recall', 'recall'))
    return [*((f'{title} {name}', (key, name), 2) for title, key in keys), *overall]


def _figure(image: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = image
    for key in path:
        value = value[key]
    return round(value, 4) if isinstance(value, float) else value


def _shown(metrics: Metrics, choice: Choice, tile: Tile, *, classes: Classes, budget: int) -> dict[str, Any]:
    encoded = encode_tile(tile.image, _maps(tile, classes), colours=_map_colours(classes), budget=budget)
    return {
        'index': choice.place,
        'name': tile.name,
        'score': _score(metrics, choice.place),
        'image': encoded.image,
        'height': encoded.height,
        'width': encoded.width,
        'maps': [
            {'key': key, 'src': src, 'alt': f'{title} of {tile.name}'}
            for (key, title), src in zip(VIEWS, encoded.maps, strict=True)
        ],
    }


def _maps(tile: Tile, classes: Classes) -> list[NDArray[np.uint8]]:
    errors = error_map(
        tile.prediction, tile.label, num_classes=len(classes.names), class_of_interest=classes.of_interest
    )
    return [errors, tile.label, tile.prediction]


def _map_colours(classes: Classes) -> list[dict[int, tuple[int, int, int]]]:
    above = {value: NOT_COUNTED.colour for value in range(len(classes.names), 256)}
    kinds = error_kinds(len(classes.names), classes.of_interest)
    return [{kind.value: kind.colour for kind in kinds}, *[{**shown_colours(classes), **above}] * 2]


def _score(metrics: Metrics, index: int) -> str:
    image, name = metrics['images'][index], metrics['class_of_interest']
    if name is None:
        return f'mIoU {number(image["miou"])}, OA {number(image["oa"])}'
    return f'IoU {number(image["iou"][name])}, F1 {number(image["f1"][name])}'
