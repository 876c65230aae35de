"""Files for the Deepness plugin of QGIS: its metadata, its rounding, and the values that its user types."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.run.trained_model import TrainedModel

EQUAL_ODDS = 0.5
SAME = 1e-6  # what a one-channel head, whose threshold must be exceeded, adds to it


def deepness_keys(source: TrainedModel) -> dict[str, Any]:
    """Return the keys that Deepness reads (qgis-plugin-deepness, ``processing/models/model_base.py``).

    Its documentation has ``tiles_size`` where its code reads ``tile_size``. ``resolution`` is in centimetres per pixel.
    Every pixel below ``seg_thresh`` in all classes becomes class 0, so it is 0, which means off, for more classes than
    two. ``seg_small_segment`` 0 turns off a median filter of the class map.
    """
    side, _ = source.tile
    keys = {
        'model_type': 'Segmentor',
        'class_names': {str(index): name for index, name in enumerate(source.classes.names)},
        'tile_size': side,
        'tiles_size': side,
        'tiles_overlap': source.overlap,
        'seg_thresh': threshold_of(source),
        'seg_small_segment': 0,
    }
    return keys if source.gsd is None else {**keys, 'resolution': round(100 * source.gsd, 6)}


def threshold_of(source: TrainedModel) -> float:
    """Return the least probability of class 1 that makes a pixel class 1; 0, which means off, for other than two."""
    if len(source.classes.names) != 2:
        return 0.0
    return EQUAL_ODDS if source.decision is None else source.decision.of_foreground


def two_decimals(value: float) -> float:
    """Round as a field of Qt with two decimals does: halves away from 0, of the number that the float really is."""
    return float(Decimal(value).quantize(Decimal('0.01'), rounding=ROUND_HALF_UP))


def check_deepness(source: TrainedModel) -> None:
    """Raise if a setting that the plugin needs is missing.

    Raises:
        ConfigError: the ground sampling distance is unknown, or it or the threshold would be rounded to 0, or the
            threshold to 1; or the network would fill up the tiles.
    """
    if source.gsd is None:
        raise ConfigError(
            '--for deepness needs --gsd METRES, what a pixel of the training images covers on the ground, such as '
            '--gsd 0.6: neither config nor checkpoint says it, and without it the plugin takes 3 cm'
        )
    if two_decimals(100 * source.gsd) == 0:
        raise ConfigError(f'--gsd {source.gsd:g}: Deepness rounds it to 0.00 cm; give metres per pixel, such as 0.25')
    threshold = threshold_of(source)
    if threshold and two_decimals(threshold) in (0, 1):
        raise ConfigError(
            f'threshold {source.decision or threshold}: Deepness has two decimals and would take '
            f'{two_decimals(threshold):.2f}, {"every" if threshold < EQUAL_ODDS else "no"} pixel of '
            f'{source.classes.names[1]}; give --threshold from 0.01 to 0.99, or argmax'
        )
    side, divisor = source.tile[0], source.model.size_divisor
    if side % divisor:
        sizes = sorted({max(divisor, side // divisor * divisor), (side // divisor + 1) * divisor})
        raise ConfigError(
            f'--tile-size {side}: give a multiple of {divisor}, such as {" or ".join(map(str, sizes))}; '
            'others are filled up inside, and the network sees less of the picture than it could'
        )


def what_to_type(source: TrainedModel) -> list[str]:
    """Return lines that tell a user of the plugin what its fields must show."""
    threshold, resolution = threshold_of(source), 100 * (source.gsd or 0)
    kept = f'Apply class probability threshold {two_decimals(threshold):.2f}' if threshold else 'no threshold'
    bands = source.bands
    inputs = ', '.join(f'{index} {name}' for index, name in enumerate(bands.names)).replace(' ', ' is ', 1)
    lines = [
        'in Deepness: press Reload Model and Load default parameters; it must then show, else type it: '
        f'Resolution [cm/px] {two_decimals(resolution):.2f}, Tile size [px] {source.tile[0]}, Tiles overlap [%] '
        f'{source.overlap}, {kept}, Remove small segment areas off',
        f'in Deepness: where the raster does not begin with the bands {", ".join(bands.names)}, choose Advanced under '
        f'Input channels mapping: Model input {inputs}',
    ]
    if bands.scale is not None:
        ranges = (f'-scale_{band} {low:.12g} {high:.12g} 0 255' for band, (low, high) in enumerate(bands.scale, 1))
        lines.append(
            'in Deepness: the plugin divides 8-bit values by 255, so turn a raster of these bands, in this order, into '
            f'one first: gdal_translate -ot Byte {" ".join(ranges)} IN.tif OUT.tif'
        )
    if abs(two_decimals(threshold) - threshold) > SAME:
        lines.append(f'Deepness has two decimals: it takes the threshold {two_decimals(threshold):.2f}')
    if abs(two_decimals(resolution) - resolution) > SAME:
        lines.append(f'Deepness has two decimals: it takes {two_decimals(resolution):.2f} cm for {resolution:g} cm')
    return lines
