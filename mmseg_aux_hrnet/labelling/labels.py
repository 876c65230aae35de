"""The labels of a request: polygons or class rasters, with the areas that were annotated, laid over a raster."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.windows import Window

from mmseg_aux_hrnet.datasets.splits import SPLITS
from mmseg_aux_hrnet.errors import ConfigError, DataError, OutsideAreaError
from mmseg_aux_hrnet.labelling.class_rules import (
    ClassRules,
    LabelFile,
    by_own_names,
    class_rules,
    of_pixel_values,
    parse_label_file,
)
from mmseg_aux_hrnet.labelling.label_raster import open_label_raster, paint_rasters
from mmseg_aux_hrnet.labelling.painting import canvas_of
from mmseg_aux_hrnet.labelling.request import TileRequest
from mmseg_aux_hrnet.labelling.shapes import (
    Shapes,
    as_polygons,
    companion_files,
    expand_layers,
    read_layer,
    read_shapes,
)
from mmseg_aux_hrnet.labelling.survey import Raster
from mmseg_aux_hrnet.labelling.tile_grid import TileGrid
from mmseg_aux_hrnet.labelling.writing import IGNORED
from mmseg_aux_hrnet.maps.ground import Ellipsoid
from mmseg_aux_hrnet.raster.inputs import RASTERS

Paint = Callable[[Window], NDArray[np.uint8]]  # window of a grid -> classes and ``IGNORED``, (H, W)
OF_POLYGONS = ('class_field', 'class_map', 'paint_order', 'unlabelled', 'buffer')
SEGMENTS = 64  # of an outline that is laid over another reference system, where its sides may be curves


@dataclass(frozen=True)
class Labels:
    """What was drawn.

    Attributes:
        rules: what it means.
        shapes: polygons with their classes; empty where there are class rasters.
        rasters: class rasters, later ones over earlier.
        annotated: areas outside of which everything is ignored; None where there is no such limit.
        all_touched: pixels that a polygon touches belong to it.
        border_ignore: metres on each side of every outline that are ignored.
        notes: lines that a user should read.
    """

    rules: ClassRules
    shapes: tuple[Shapes, ...]
    rasters: tuple[Path, ...]
    annotated: tuple[Shapes, ...] | None
    all_touched: bool
    border_ignore: float
    notes: tuple[str, ...]

    @contextmanager
    def over(self, grid: TileGrid) -> Iterator[tuple[Paint, list[str]]]:
        """Give what paints windows of a grid, and notes.

        Raises:
            DataError: labels have no place in the reference system of the grid.
        """
        with ExitStack() as opened:
            notes: list[str] = []
            if self.rasters:
                rasters = [opened.enter_context(open_label_raster(path, self.rules)) for path in self.rasters]

                def paint(window: Window) -> NDArray[np.uint8]:
                    return paint_rasters(rasters, window, grid)
            else:
                assert self.rules.uncovered is not None
                canvas, notes = canvas_of(
                    self.shapes,
                    grid,
                    painting=self.rules.painting,
                    uncovered=self.rules.uncovered,
                    all_touched=self.all_touched,
                    border_ignore=self.border_ignore,
                )
                paint = canvas.paint
            if self.annotated is None:
                yield paint, notes
                return
            area, said = canvas_of(self.annotated, grid, painting=(1,), uncovered=0)

            def inside(window: Window) -> NDArray[np.uint8]:
                return np.where(area.paint(window) == 1, paint(window), np.uint8(IGNORED))

            yield inside, [*notes, *said]

    def files(self, request: TileRequest) -> list[Path]:
        """Return the files that they are made of."""
        named = [parse_label_file(text, self.rules.classes.names).path for text in request.labels]
        more = [path for path in (*request.annotated, request.split_areas) if path is not None]
        return list(dict.fromkeys(file for path in (*named, *more) for file in companion_files(path)))

    def check_place(self, rasters: Sequence[Raster]) -> list[str]:
        """Return a note for each raster that labels do not touch.

        Raises:
            OutsideAreaError: they touch none; says by how far, and both reference systems.
        """
        grounds = self._grounds()
        reached = [any(_gap(ground, crs, raster.grid)[0] == 0 for ground, crs, _ in grounds) for raster in rasters]
        if not any(reached):
            raise OutsideAreaError(_apart(grounds, rasters))
        lost = [str(raster.path) for raster, touches in zip(rasters, reached, strict=True) if not touches]
        what = 'ignored'
        if self.shapes and self.rules.uncovered not in (None, IGNORED):
            what = f'{self.rules.classes.names[self.rules.uncovered]}; leave it out if it is not annotated'
        return [f'no label touches {path}: all of its pixels are {what}' for path in lost]

    def _grounds(self) -> list[tuple[shapely.STRtree, CRS, str]]:
        if self.shapes:
            return [(shapely.STRtree(each.polygons), each.crs, each.source) for each in self.shapes]
        found = []
        for path in self.rasters:
            with open_label_raster(path, self.rules) as raster:
                found.append((shapely.STRtree([raster.outline]), raster.crs, str(path)))
        return found


def _gap(ground: shapely.STRtree, crs: CRS, grid: TileGrid) -> tuple[float, shapely.Geometry | None]:
    """Return how far labels are from a grid, in units of their reference system, and the outline of the grid in it."""
    own = CRS.from_wkt(grid.crs.to_wkt())
    # From the centres of pixels: what only meets the edge, as the labels of the raster beside do, paints nothing.
    outline = grid.outline(Window(0.5, 0.5, grid.width - 1, grid.height - 1))
    if not own.equals(crs, ignore_axis_order=True):
        outline = shapely.segmentize(outline, outline.length / SEGMENTS)
        outline = shapely.transform(
            outline, Transformer.from_crs(own, crs, always_xy=True).transform, interleaved=False
        )
    if not np.isfinite(shapely.get_coordinates(outline)).all():
        return np.inf, None
    return float(shapely.distance(outline, ground.geometries[ground.nearest(outline)])), outline


def _apart(grounds: Sequence[tuple[shapely.STRtree, CRS, str]], rasters: Sequence[Raster]) -> str:
    gaps = [
        (*_gap(ground, crs, raster.grid), crs, source, raster) for ground, crs, source in grounds for raster in rasters
    ]
    gap, outline, crs, source, raster = min(gaps, key=lambda each: each[0])
    far = 'has no place in their reference system'
    if outline is not None:
        centre = outline.centroid
        metres = gap * float(np.mean(Ellipsoid(crs.to_2d()).unit_lengths(centre.x, centre.y)))
        far = f'lies {metres / 1000:,.1f} km from it' if metres >= 1000 else f'lies {metres:,.1f} m from it'
    systems = f'labels are in {_named(crs)}, the raster in {_named(CRS.from_wkt(raster.grid.crs.to_wkt()))}'
    what = f'no label of {source} touches a raster' if len(rasters) > 1 else f'no label of {source} touches the raster'
    nearest = f'{raster.path} {far}'
    return f'{what}: {nearest}; {systems}: check both, and the order of coordinates'


def _named(crs: CRS) -> str:
    code = crs.to_authority()
    return f'{crs.name} ({":".join(code)})' if code else crs.name


def read_labels(request: TileRequest) -> Labels:
    """Read the labels of a request, and the areas that were annotated.

    Raises:
        ConfigError: options do not fit each other or the files.
        DataError: a file cannot be read, or holds what cannot be painted.
    """
    rules = class_rules(
        classes=request.classes,
        class_map=request.class_map,
        palette=request.palette,
        of_interest=request.class_of_interest,
        paint_order=request.paint_order,
        unlabelled=request.unlabelled,
    )
    files = [parse_label_file(text, rules.classes.names) for text in request.labels]
    are_rasters = {each.path.suffix.lower() in RASTERS for each in files}
    if len(are_rasters) > 1:
        raise ConfigError('--labels names class rasters and vector files: give one kind, and the other in a second run')
    shapes: list[Shapes] = []
    if are_rasters == {True}:
        rules, notes = _rules_of_rasters(files, rules, request)
    else:
        shapes, notes = _read_drawn(files, rules, request)
    areas = [read_areas(path, field=None, request=request) for path in request.annotated]
    return Labels(
        rules,
        tuple(shapes),
        tuple(each.path for each in files) if not shapes else (),
        tuple(each for read, _ in areas for each in read) if areas else None,
        request.all_touched,
        request.border_ignore,
        (*notes, *(note for _, said in areas for note in said)),
    )


def _read_drawn(files: Sequence[LabelFile], rules: ClassRules, request: TileRequest) -> tuple[list[Shapes], list[str]]:
    if request.label_values is not None:
        raise ConfigError('--label-values is for class rasters: name values of a field with --class-map')
    if request.class_map is not None and request.class_field is None:
        raise ConfigError('--class-map needs --class-field NAME, the field with those values')
    if request.class_field is not None and request.class_map is None:
        rules = by_own_names(rules)
    if rules.uncovered is None:
        raise ConfigError(
            f'no class of {", ".join(rules.classes.names)} is called background: give the class of ground without a '
            'polygon with --unlabelled CLASS, or --unlabelled ignore'
        )
    shapes, notes = read_shapes(
        files, rules, field=request.class_field, buffer=request.buffer, encoding=request.encoding
    )
    uncovered = 'ignored' if rules.uncovered == IGNORED else rules.classes.names[rules.uncovered]
    return shapes, [*notes, f'ground without a polygon is {uncovered}; {rules.painting_note()}']


def _rules_of_rasters(
    files: Sequence[LabelFile], rules: ClassRules, request: TileRequest
) -> tuple[ClassRules, list[str]]:
    wrong = [f'--{name.replace("_", "-")}' for name in OF_POLYGONS if getattr(request, name) is not None]
    wrong += [f'--{name.replace("_", "-")}' for name in ('all_touched', 'border_ignore') if getattr(request, name)]
    if wrong or any(each.name for each in files):
        raise ConfigError(f'{", ".join(wrong) or "CLASS=FILE"}: this is for polygons, and the labels are class rasters')
    rules = of_pixel_values(rules, request.label_values)
    for each in files:
        with open_label_raster(each.path, rules) as raster:
            raster.count_values()
    return rules, ['later label rasters lie over earlier ones'] if len(files) > 1 else []


def read_areas(path: Path, *, field: str | None, request: TileRequest) -> tuple[tuple[Shapes, ...], list[str]]:
    """Return the polygons of areas, and notes; their values are 1, or with a field the places of splits in ``SPLITS``.

    Raises:
        ConfigError: there is no such file, layer or field.
        DataError: it cannot be read, holds no polygons, or the field has another value than train, val and test.
    """
    found, notes = [], []
    for layer in expand_layers([LabelFile(path)]):
        read = read_layer(layer, field=field, encoding=request.encoding)
        polygons, said = as_polygons(read, buffer=None)
        notes += said
        values = np.ones(len(polygons), np.int64)
        if read.field is not None:
            wrong = sorted({str(value) for value in read.field if value not in SPLITS})
            if wrong:
                raise DataError(f'{read.source}, field {field}: {", ".join(wrong[:5])} is not train, val or test')
            values[:] = [SPLITS.index(value) for value in read.field]
        solid = ~shapely.is_empty(polygons)
        found.append(Shapes(polygons[solid], values[solid], read.crs, read.source))
    return tuple(found), notes
