"""The tiles of a report and its table of images, out of ``metrics.json`` and what was kept of the images."""

import json
from collections.abc import Mapping
from typing import Any

from mmseg_aux_hrnet.errors import counted
from mmseg_aux_hrnet.evaluation.metrics import F1, IOU, IOU_FIRST, MIOU, OA, Metric
from mmseg_aux_hrnet.evaluation.tile_keeper import MOST_SIDE
from mmseg_aux_hrnet.report.metrics_file import Report
from mmseg_aux_hrnet.report.page.choice import choose_images, tile_scores
from mmseg_aux_hrnet.report.page.overlays import NOT_COUNTED, class_overlay, error_kinds, error_map
from mmseg_aux_hrnet.report.page.tables import UNDEFINED, css_colour
from mmseg_aux_hrnet.report.page.tiles import PageTile, encode_tile

TILES_BUDGET = 11_000_000  # bytes of all tiles together; the whole page stays below 15 MB
TILE_BUDGET = 500_000  # bytes of one tile
ROWS_BUDGET = 3_000_000  # bytes of the table of images
VIEWS = (('errors', 'Errors'), ('label', 'Label'), ('prediction', 'Prediction'))
TITLES = {'worst': 'Worst', 'median': 'Around the median', 'best': 'Best', 'others': 'Others, evenly chosen'}


def groups(report: Report, tiles: Mapping[int, PageTile]) -> list[dict[str, Any]]:
    """Return the tiles, encoded, group by group; ``tiles`` are by their place in the report's list of images."""
    chosen = {
        key: [place for place in places if place in tiles] for key, places in choose_images(tile_scores(report)).items()
    }
    total = sum(map(len, chosen.values()))
    budget = min(TILE_BUDGET, TILES_BUDGET // max(total, 1))
    return [
        {
            'key': key,
            'title': TITLES[key],
            'open': key != 'others' or len(places) == total,
            'tiles': [_shown(report, place, tiles[place], budget=budget) for place in places],
        }
        for key, places in chosen.items()
        if places
    ]


def _shown(report: Report, place: int, tile: PageTile, *, budget: int) -> dict[str, Any]:
    """Return what the page's template says of a tile."""
    names, name = [row['name'] for row in report['classes']], report['class_of_interest']
    of_interest = None if name is None else names.index(name)
    errors = error_map(tile.prediction, tile.label, num_classes=len(names), class_of_interest=of_interest)
    kinds = {kind.value: kind.colour for kind in error_kinds(len(names), of_interest)}
    # Any value above the classes may stand for ignored pixels: the report does not say which one does.
    classes = class_overlay(report) | dict.fromkeys(range(len(names), 256), NOT_COUNTED.colour)
    image, maps, (height, width) = encode_tile(
        tile.image, [errors, tile.label, tile.prediction], colours=[kinds, classes, classes], budget=budget
    )
    row = report['images'][place]
    figures: list[tuple[Metric[Any], float | None]] = [(MIOU, row['miou']), (OA, row['oa'])]
    if name is not None:
        figures = [(IOU, row['iou'][name]), (F1, row['f1'][name])]
    return {
        'index': place,
        'name': tile.name,
        'score': ', '.join(f'{one.title} {one.text(value, undefined=UNDEFINED)}' for one, value in figures),
        'image': image,
        'height': height,
        'width': width,
        'maps': [
            {'key': key, 'src': src, 'alt': f'{title} of {tile.name}'}
            for (key, title), src in zip(VIEWS, maps, strict=True)
        ],
    }


def legends(report: Report) -> dict[str, list[dict[str, str]]]:
    """Return name and colour of everything that the maps show."""
    names, name = [row['name'] for row in report['classes']], report['class_of_interest']
    kinds = error_kinds(len(names), None if name is None else names.index(name))
    classes = [(names[index], colour) for index, colour in class_overlay(report).items()]
    classes.append((NOT_COUNTED.name, NOT_COUNTED.colour))
    return {
        'errors': [{'name': kind.name, 'colour': css_colour(kind.colour)} for kind in kinds],
        'classes': [{'name': title, 'colour': css_colour(colour)} for title, colour in classes],
    }


def gallery_note(report: Report, tiles: Mapping[int, PageTile]) -> str:
    """Return which images are shown, and how."""
    name, total = report['class_of_interest'], len(report['images'])
    ranked = MIOU.title if name is None else f'{IOU.title} of {name}'
    which = 'All images' if len(tiles) == total else f'{len(tiles):,} of {counted(total, "image")}'
    bare = sum(tile.image is None for tile in tiles.values())
    notes = [
        f'{which}, ranked by {ranked}. Larger tiles are shrunk, to {MOST_SIDE} pixels or less; figures are those of '
        'the whole images.'
    ]
    if bare:
        notes.append(f'The image of {bare:,} is not known, or of a kind that is not read.')
    if any(row['color'] is None for row in report['classes']):
        notes.append('No colours were given for the classes, so these are arbitrary.')
    return ' '.join(notes)


def table(report: Report, tiles: Mapping[int, PageTile]) -> tuple[dict[str, Any], str]:
    """Return the table of images for the page's script, and what it says of it.

    A row holds the name, the figures of the columns and the number of the tile, null where it is not shown. A table
    that would make the page too large has the images with tiles only.
    """
    images, name = report['images'], report['class_of_interest']
    # Title, decimals and the values of all images.
    columns: list[tuple[str, int | None, list[Any]]] = [
        (MIOU.title, MIOU.digits, [row['miou'] for row in images]),
        (OA.title, OA.digits, [row['oa'] for row in images]),
    ]
    if name is None:
        every = [row['name'] for row in report['classes']]
        columns += [(f'{IOU.title} {one}', IOU.digits, [row['iou'][one] for row in images]) for one in every]
    else:
        own = [(f'{one.title} {name}', one.digits, [row[one.key][name] for row in images]) for one in IOU_FIRST]
        columns = [*own, *columns]
    columns.append(('Pixels', None, [row['pixels'] for row in images]))
    rows = []
    for place, row in enumerate(report['images']):
        values = (of_images[place] for _, _, of_images in columns)
        # Two decimals more than the script shows: enough to sort by, and a third of the bytes of a whole float.
        figures = (round(value, 4) if isinstance(value, float) else value for value in values)
        rows.append([row['name'], *figures, place if place in tiles else None])
    note = 'Choose a heading to sort; names link to the tiles. Undefined figures come last.'
    if len(json.dumps(rows)) > ROWS_BUDGET:
        rows = [row for row in rows if row[-1] is not None]
        note += (
            f' Here are the {counted(len(rows), "image")} with tiles; per_image.csv lists all '
            f'{len(report["images"]):,}.'
        )
    heads = [{'title': title, **({} if digits is None else {'digits': digits})} for title, digits, _ in columns]
    return {'columns': [{'title': 'Image'}, *heads], 'rows': rows, 'sort': 1}, note
