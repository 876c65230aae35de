"""What a user asks for when tiles are made."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mmseg_aux_hrnet.datasets.description import LAYOUTS
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.labelling.imagery import Wanted
from mmseg_aux_hrnet.raster.bands import parse_bands
from mmseg_aux_hrnet.raster.validity import NoData

RATIO = (0.7, 0.15, 0.15)
SHARES = ('max_nodata', 'keep_empty')
# Options that have no meaning for images without a place on the ground, or for rasters.
OF_RASTERS = {
    *('class_field', 'label_values', 'annotated', 'border_ignore', 'buffer', 'encoding', 'gsd', 'bands', 'scale'),
    *('nodata', 'nodata_tolerance', 'max_nodata', 'overlaps', 'block', 'split_field', 'split_areas', 'split_rasters'),
}
OF_IMAGES = {'fill_boxes', 'ignore', 'scene'}
LENGTHS = {'border_ignore': False, 'nodata_tolerance': False, 'buffer': True, 'gsd': True, 'block': True}
SUFFIXES = {'tif': '.tif', 'png': '.png', 'jpg': '.jpg'}


@dataclass(frozen=True)
class TileRequest:
    """What tiles are made of, and how; the texts are those of the command line.

    Attributes:
        labels: vector files, or class rasters.
        classes: names with commas.
        class_field: field of the class of each polygon.
        class_map: ``VALUE=CLASS`` with commas.
        label_values: ``VALUE=CLASS`` with commas, of class rasters.
        palette: ``CLASS=#RRGGBB`` with commas.
        class_of_interest: its name.
        paint_order: names with commas, the lowest first.
        unlabelled: class of what no polygon covers, or ``ignore``.
        annotated: files of polygons outside of which everything is ignored.
        all_touched: pixels that a polygon touches belong to it.
        border_ignore: metres on each side of every outline that are ignored.
        buffer: metres round lines and points.
        encoding: of the text of vector files.
        tile: side in pixels.
        overlap: of neighbours, in pixels.
        gsd: metres of a pixel of the tiles.
        bands: names or indices with commas.
        scale: ``LOW:HIGH`` of each band, or ``auto``.
        nodata: value of pixels that hold nothing.
        nodata_tolerance: values so near to it hold nothing too.
        max_nodata: tiles with a larger share are left out.
        keep_empty: share of the tiles without foreground that is kept.
        overlaps: ``refuse`` or ``keep`` rasters that show common ground with other pixels.
        ratio: shares of train, val and test; None for ``RATIO``, or those of the folders of images.
        seed: of the division, and of what is kept of empty tiles.
        block: side of the blocks of ground in metres.
        split_field: field of the split of each area.
        split_areas: polygons that have it; those of ``annotated`` where None.
        split_rasters: ``SPLIT=PATTERN`` with commas.
        layout: of the data root.
        image_format: ``tif``, ``png`` or ``jpg``.
        annotations: files and folders of annotation programs, instead of ``labels``.
        images: folder of the images that they are of.
        fill_boxes: take boxes of annotations for areas.
        ignore: kinds of annotations with commas, which become ignored pixels.
        scene: pattern of the scene in the path of an image without its suffix.
    """

    labels: tuple[str, ...] = ()
    classes: str | None = None
    class_field: str | None = None
    class_map: str | None = None
    label_values: str | None = None
    palette: str | None = None
    class_of_interest: str | None = None
    paint_order: str | None = None
    unlabelled: str | None = None
    annotated: tuple[Path, ...] = ()
    all_touched: bool = False
    border_ignore: float = 0.0
    buffer: float | None = None
    encoding: str | None = None
    tile: int = 512
    overlap: int = 0
    gsd: float | None = None
    bands: str | None = None
    scale: str | None = None
    nodata: float | None = None
    nodata_tolerance: float = 0.0
    max_nodata: float = 0.5
    keep_empty: float = 1.0
    overlaps: str = 'refuse'
    ratio: tuple[float, float, float] | None = None
    seed: int = 0
    block: float | None = None
    split_field: str | None = None
    split_areas: Path | None = None
    split_rasters: str | None = None
    layout: str = 'singlegreen'
    image_format: str = 'tif'
    annotations: tuple[str, ...] = ()
    images: Path | None = None
    fill_boxes: bool = False
    ignore: str | None = None
    scene: str | None = None

    def __post_init__(self) -> None:
        for name in (*SHARES, *LENGTHS):
            value = getattr(self, name)
            above = LENGTHS.get(name, False)
            most = 1 if name in SHARES else np.inf
            if value is not None and not (0 <= value <= most and np.isfinite(value) and (value > 0 or not above)):
                allowed = (
                    'a share of 0 to 1' if name in SHARES else f'a number {"above 0" if above else "of 0 or more"}'
                )
                raise ConfigError(f'--{name.replace("_", "-")} is {value:g}: give {allowed}')
        if self.tile < 1 or not 0 <= self.overlap < self.tile:
            raise ConfigError(f'--tile {self.tile} --overlap {self.overlap}: give a side above 0 and a smaller overlap')
        for name, chosen, known in (('layout', self.layout, LAYOUTS), ('format', self.image_format, tuple(SUFFIXES))):
            if chosen not in known:
                raise ConfigError(f'--{name} is {chosen!r}: use one of {", ".join(known)}')
        self._check_splits()
        self._check_kind()

    def _check_splits(self) -> None:
        if self.split_field and self.split_rasters:
            raise ConfigError('--split-rasters and --split-field both choose the splits: give one of them')
        if self.split_areas and not self.split_field:
            raise ConfigError('--split-areas needs --split-field NAME, a field with the values train, val and test')
        if self.split_field and not (self.split_areas or self.annotated):
            raise ConfigError('--split-field needs polygons with this field: --split-areas FILE or --annotated FILE')
        if self.split_field and not self.split_areas and len(self.annotated) > 1:
            raise ConfigError('--annotated names several files: name the one with the splits with --split-areas FILE')

    def _check_kind(self) -> None:
        if bool(self.annotations) == bool(self.labels) or bool(self.annotations) != (self.images is not None):
            raise ConfigError('give RASTERS with --labels, or --images with --annotations')
        typed = {each.name for each in fields(self) if getattr(self, each.name) != each.default}
        other, kind = (OF_RASTERS, 'rasters') if self.annotations else (OF_IMAGES, 'images with --annotations')
        if wrong := [f'--{name.replace("_", "-")}' for name in sorted(typed & other)]:
            raise ConfigError(f'{", ".join(wrong)}: this is for {kind}')
        if self.annotations and self.image_format == 'tif':
            raise ConfigError('--format tif is for tiles of rasters, which keep their place: give png or jpg')

    @property
    def wanted(self) -> Wanted:
        """Which bands are read."""
        bands = None if self.bands is None else parse_bands(self.bands, count=None)
        return Wanted(bands, NoData(self.nodata, self.nodata_tolerance))
