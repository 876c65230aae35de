"""The JSON form of a checkup: every finding with every file, and every figure."""

from typing import Any

from mmseg_aux_hrnet.doctor.checkup import Checkup
from mmseg_aux_hrnet.doctor.examine import Tile
from mmseg_aux_hrnet.doctor.findings import count_levels
from mmseg_aux_hrnet.doctor.summary import Summary, config_snippets, inverse_frequency_weights, median_frequency_weights

FORMAT = 'mmseg_aux_hrnet dataset check 1'


def record(checkup: Checkup) -> dict[str, Any]:
    """Return a checkup as lists, dicts, numbers and text; shares are 0..1, what is undefined is null."""
    classes = checkup.classes
    return {
        'format': FORMAT,
        'classes': [
            {'name': name, 'color': list(colour)} for name, colour in zip(classes, checkup.palette, strict=True)
        ],
        'counts': count_levels(checkup.findings),
        'findings': [finding._asdict() for finding in checkup.findings],
        'splits': [_split(summary, classes) for summary in checkup.summaries],
        'tiles': [_tile(tile, classes) for tile in checkup.tiles],
    }


def _split(summary: Summary, classes: tuple[str, ...]) -> dict[str, Any]:
    colours = summary.colours
    return {
        'split': summary.split,
        'images': summary.images,
        'labels': summary.labels,
        'sizes': [{'height': size[0], 'width': size[1], 'images': count} for size, count in summary.sizes.items()],
        'label_forms': summary.forms,
        'label_values': summary.values,
        'pixels': dict(zip(classes, summary.pixels, strict=True)),
        'shares': {
            name: share if share == share else None for name, share in zip(classes, summary.shares, strict=True)
        },
        'images_of': dict(zip(classes, summary.images_of, strict=True)),
        'ignored_pixels': summary.ignored,
        'nodata_share': summary.nodata,
        'without_foreground': list(summary.without_foreground),
        'mean_rgb': None if colours is None else list(colours.mean),
        'std_rgb': None if colours is None else list(colours.std),
        'class_weight': {
            'median_frequency': median_frequency_weights(summary),
            'inverse_frequency': inverse_frequency_weights(summary),
        },
        'config': config_snippets(summary),
    }


def _tile(tile: Tile, classes: tuple[str, ...]) -> dict[str, Any]:
    image, label = tile.image, tile.label
    return {
        'split': tile.pair.split,
        'name': tile.pair.name,
        'label': None if tile.pair.label is None else tile.pair.label.as_posix(),
        'size': None if image is None else list(image.size),
        'mode': None if image is None else image.mode,
        'nodata_pixels': None if image is None else image.nodata,
        'pixels': None if label is None else dict(zip(classes, label.counts.tolist(), strict=False)),
        'label_format': None if label is None else label.label_format,
        'image_error': tile.image_error or None,
        'label_error': tile.label_error or None,
    }
