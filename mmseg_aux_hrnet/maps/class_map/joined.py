"""Class maps of a folder or a VRT as one, so that each place counts once and polygons go across files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from rasterio.enums import MaskFlags

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import ConfigError, DataError, RasterError
from mmseg_aux_hrnet.maps.class_map.geotiff import Grid
from mmseg_aux_hrnet.maps.class_map.grids import Place, join_grids, unlike_grids
from mmseg_aux_hrnet.maps.legend import NODATA, read_legend
from mmseg_aux_hrnet.raster.content import raster_files
from mmseg_aux_hrnet.raster.dataset import CLASSES_TAG, is_placed, open_dataset
from mmseg_aux_hrnet.raster.inputs import RASTERS


class Part(NamedTuple):
    """One class map of several.

    Attributes:
        path: its file.
        grid: where it lies.
        nodata: value of pixels that hold nothing; None for none.
        masked: a mask in or beside the file says more.
        tags: of the file.
        table: colours by value; None where it has none.
    """

    path: Path
    grid: Grid
    nodata: float | None
    masked: bool
    tags: dict[str, str]
    table: Mapping[int, Sequence[int]] | None


def colour_table(dataset: Any) -> Mapping[int, Sequence[int]] | None:
    """Return the colours of the first band of a raster, by value; None where it has none."""
    try:
        table: Mapping[int, Sequence[int]] = dataset.colormap(1)
    except ValueError:  # rasterio's way to say that there is none
        return None
    return table


@contextmanager
def open_folder(folder: Path, *, classes: Sequence[str] | None) -> Iterator[tuple[Any, Classes]]:
    """Open the class maps that lie in a folder as one raster; where several have data, the last by name counts.

    Args:
        folder: of the maps; other rasters in it are left out.
        classes: names of the values 0, 1, ..., where the maps do not say them.

    Yields:
        The raster, open in rasterio, and the legend of all.

    Raises:
        DataError: there are no class maps, or they are not on one grid.
        ConfigError: their legends are not the same.
    """
    parts = map_parts(folder, classes=classes)
    legend = _common_legend(parts, classes=classes)
    with join(parts) as dataset:
        yield dataset, legend


def map_parts(path: Path, *, classes: Sequence[str] | None = None) -> list[Part]:
    """Return the class maps that a folder, a VRT or a file holds, the one on top last; of a VRT those with classes.

    Raises:
        DataError: a folder has no class maps, or they are not on one grid.
    """
    if not path.is_dir():
        return [part for part in read_parts(path) if CLASSES_TAG in part.tags]
    parts = read_parts(path)
    tagged = [part for part in parts if CLASSES_TAG in part.tags]
    parts = tagged or ([part for part in parts if part.path.suffix.lower() != '.vrt'] if classes else [])
    if not parts:
        raise DataError(
            f'{path} holds no class map that names its classes: name the folder of maps that predict_raster made, or '
            'give --classes NAME,NAME,...'
        )
    for part in parts[1:]:
        why = unlike_grids(parts[0].grid, part.grid)
        if why is not None:
            raise DataError(
                f'{part.path} and {parts[0].path} cannot be read as one map, because {why}: move one to a folder of '
                'its own, or resample it with gdalwarp -r near'
            )
    return parts


@contextmanager
def join(parts: Sequence[Part], *, tags: Mapping[str, str] | None = None) -> Iterator[Any]:
    """Open rasters of one grid as one, in rasterio; where several have data, the last counts."""
    grid, places = join_grids([part.grid for part in parts])
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / 'maps.vrt'
        file.write_bytes(_vrt(parts, grid, places, tags=tags or {}))
        with open_dataset(file) as dataset:
            yield dataset


def legend_of_sources(path: Path, *, classes: Sequence[str] | None) -> Classes | None:
    """Return the legend of the class maps that a VRT is made of; None where they do not name their classes.

    Raises:
        ConfigError: they are not the same.
    """
    parts = map_parts(path)
    return _common_legend(parts, classes=classes) if parts else None


def read_parts(path: Path) -> list[Part]:
    """Return the rasters with one band of 8 bits: of a folder by name, of a VRT its sources in order, or a file."""
    if path.is_dir():
        paths = sorted(file for file in path.iterdir() if file.suffix.lower() in RASTERS and file.is_file())
    else:
        paths = raster_files(path)[path.suffix.lower() == '.vrt' :]
    parts = []
    for path in paths:
        try:
            with open_dataset(path) as dataset:
                if dataset.count == 1 and dataset.dtypes[0] == 'uint8':
                    grid = Grid(dataset.height, dataset.width, dataset.crs, dataset.transform, is_placed(dataset))
                    masked = MaskFlags.per_dataset in dataset.mask_flag_enums[0]
                    parts.append(Part(path, grid, dataset.nodata, masked, dataset.tags(), colour_table(dataset)))
        except RasterError:  # a side file, or one that is damaged: it is not counted on
            continue
    return parts


def _common_legend(parts: Sequence[Part], *, classes: Sequence[str] | None) -> Classes:
    """Return the legend of several maps, by names that the command line gives where it gives some."""
    own: list[Classes] = []
    for part in parts:
        try:
            own.append(read_legend(part.tags, part.table, classes=None if CLASSES_TAG in part.tags else classes))
        except ConfigError as error:
            raise ConfigError(f'{part.path}: {error}') from error
        if (own[-1].names, own[-1].palette) != (own[0].names, own[0].palette):
            what = 'classes' if own[-1].names != own[0].names else 'colours'
            raise ConfigError(
                f'{part.path} has other {what} ({", ".join(own[-1].names)}) than {parts[0].path} '
                f'({", ".join(own[0].names)}): only maps of one legend are read as one'
            )
    return read_legend(parts[0].tags, parts[0].table, classes=classes)


def _vrt(parts: Sequence[Part], grid: Grid, places: Sequence[Place], *, tags: Mapping[str, str]) -> bytes:
    """Return the text of a VRT of class maps, the last on top."""
    root = Element('VRTDataset', rasterXSize=f'{grid.width}', rasterYSize=f'{grid.height}')
    metadata = SubElement(root, 'Metadata')
    for name, value in tags.items():
        SubElement(metadata, 'MDI', key=name).text = value
    if grid.crs is not None:
        SubElement(root, 'SRS').text = grid.crs.to_wkt()
    if grid.placed:
        SubElement(root, 'GeoTransform').text = ', '.join(f'{value!r}' for value in grid.transform.to_gdal())
    band = SubElement(root, 'VRTRasterBand', dataType='Byte', band='1')
    SubElement(band, 'NoDataValue').text = f'{NODATA}'
    for part, (column, row) in zip(parts, places, strict=True):
        width, height = f'{part.grid.width}', f'{part.grid.height}'
        source = SubElement(band, 'ComplexSource')
        SubElement(source, 'SourceFilename', relativeToVRT='0').text = f'{part.path.absolute()}'
        SubElement(source, 'SourceBand').text = '1'
        SubElement(source, 'SourceProperties', RasterXSize=width, RasterYSize=height, DataType='Byte')
        SubElement(source, 'SrcRect', xOff='0', yOff='0', xSize=width, ySize=height)
        SubElement(source, 'DstRect', xOff=f'{column}', yOff=f'{row}', xSize=width, ySize=height)
        if part.masked:
            SubElement(source, 'UseMaskBand').text = 'true'
        elif part.nodata is not None:
            SubElement(source, 'NODATA').text = f'{part.nodata:g}'
    return tostring(root)
