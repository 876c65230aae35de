"""What a command line asks of the areas of a map, checked before any work is done."""

from pathlib import Path
from typing import NamedTuple

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.maps.measure.frame import check_image
from mmseg_aux_hrnet.maps.measure.table import FORMATS
from mmseg_aux_hrnet.maps.options import check_output, parse_names
from mmseg_aux_hrnet.maps.raster.source import Reading

NEEDS = (('id_field', 'zones'), ('layer', 'zones'), ('image', 'quicklook'), ('bands', 'image'), ('scale', 'image'))


class Request(NamedTuple):
    """The options of ``tools/area.py``; None for those that are not given."""

    map: Path
    classes: str | None
    zones: Path | None
    id_field: str | None
    layer: str | None
    out: Path | None
    quicklook: Path | None
    image: Path | None
    bands: str | None
    scale: str | None
    overwrite: bool

    def reading(self) -> Reading:
        """Return how the values of the image become colours.

        Raises:
            ConfigError: ``--bands`` or ``--scale`` is malformed.
        """
        return Reading.parse(bands=self.bands, scale=self.scale)

    def class_names(self) -> tuple[str, ...] | None:
        """Return the names of ``--classes``.

        Raises:
            ConfigError: one is empty or there twice.
        """
        return parse_names(self.classes, option='--classes')


def check_request(request: Request) -> None:
    """Raise unless the options go together and the outputs may be written.

    Raises:
        ConfigError: an option is of no use without another, or an output has a suffix of another kind, is an input, or
            exists and must not be replaced; or the bands or scale do not fit the image.
        DataError: the image cannot be read or lies nowhere.
    """
    for option, needed in NEEDS:
        if getattr(request, option) is not None and getattr(request, needed) is None:
            raise ConfigError(f'--{option.replace("_", "-")} says something about --{needed}, which is not given')
    request.class_names()
    inputs = [path for path in (request.map, request.zones, request.image) if path is not None]
    if request.out is not None:
        check_output(request.out, suffixes=FORMATS, inputs=inputs, overwrite=request.overwrite)
        if request.out.suffix.lower() == '.gpkg' and request.zones is None:
            raise ConfigError(
                f'{request.out} would hold zones, and there are none: give --zones, or write .csv or .json'
            )
    if request.quicklook is not None:
        check_output(request.quicklook, suffixes=('.png',), inputs=inputs, overwrite=request.overwrite)
    if request.image is not None:
        check_image(request.image, reading=request.reading())
