"""The request of a command line for the areas of a map, checked before the work."""

from pathlib import Path

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.maps.class_map.uncertainty import parse_unsure_from
from mmseg_aux_hrnet.maps.measure.frame import check_image
from mmseg_aux_hrnet.maps.measure.table import FORMATS
from mmseg_aux_hrnet.maps.options import check_output, parse_names
from mmseg_aux_hrnet.raster.source import Reading

NEEDS = (
    ('id_field', 'zones'),
    ('layer', 'zones'),
    ('encoding', 'zones'),
    ('image', 'quicklook'),
    ('unsure_from', 'uncertainty'),
    ('bands', 'image'),
    ('scale', 'image'),
)


def check_request(
    *,
    map: Path,  # what the command line calls it
    classes: str | None,
    zones: Path | None,
    id_field: str | None,
    layer: str | None,
    encoding: str | None,
    uncertainty: Path | None,
    unsure_from: float | None,
    out: Path | None,
    quicklook: Path | None,
    image: Path | None,
    bands: str | None,
    scale: str | None,
    excel: bool,
    overwrite: bool,
) -> tuple[tuple[str, ...] | None, Reading]:
    """Check the options of ``tools/area.py`` and read those that are lists; None for those that are not given.

    Returns:
        The names of the classes, None where none are given, and how the values of the image become colours.

    Raises:
        ConfigError: an option is malformed or of no use without another, an output has a suffix of another kind, is an
            input, or exists and must not be replaced, or the bands or scale do not fit the image.
        DataError: the image cannot be read or lies nowhere.
    """
    given: dict[str, object] = {'id_field': id_field, 'layer': layer, 'encoding': encoding, 'image': image}
    given |= {'bands': bands, 'scale': scale, 'zones': zones, 'quicklook': quicklook}
    given |= {'uncertainty': uncertainty, 'unsure_from': unsure_from}
    for option, needed in NEEDS:
        if given[option] is not None and given[needed] is None:
            names = f'--{option} needs --{needed}'.replace('_', '-')
            raise ConfigError(f'{names}, which is not given')
    if excel and (out is None or out.suffix.lower() != '.csv'):
        raise ConfigError('--excel is for a table that Excel opens: give --out with a name that ends in .csv')
    class_names, reading = parse_names(classes, option='--classes'), Reading.parse(bands=bands, scale=scale)
    if unsure_from is not None:
        parse_unsure_from(unsure_from)
    inputs = [path for path in (map, zones, image, uncertainty) if path is not None]
    if out is not None:
        check_output(out, suffixes=FORMATS, inputs=inputs, overwrite=overwrite)
        if out.suffix.lower() == '.gpkg' and zones is None:
            raise ConfigError(f'{out} holds zones: give --zones, or write .csv or .json')
    if quicklook is not None:
        check_output(quicklook, suffixes=('.png',), inputs=inputs, overwrite=overwrite)
    if image is not None:
        check_image(image, reading=reading)
    return class_names, reading
