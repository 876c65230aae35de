"""Painted windows are parts of what GDAL paints over the whole raster, on any grid and from any reference system."""

import numpy as np
import pytest
import shapely
from affine import Affine
from labelling_support import on_map, random_polygons
from pyproj import CRS, Transformer
from rasterio.crs import CRS as RasterCRS
from rasterio.features import rasterize
from rasterio.features import shapes as trace
from rasterio.windows import Window

from mmseg_aux_hrnet.labelling.painting import Canvas, bands_round, canvas_of
from mmseg_aux_hrnet.labelling.shapes import Shapes
from mmseg_aux_hrnet.labelling.tile_grid import TileGrid

SIZE = (90, 120)
NORTH_UP = Affine(0.3, 0, 435570.1, 0, -0.3, 3776839.7)
GRIDS = {
    'north up': (NORTH_UP, 26911),
    'south up': (Affine(0.3, 0, 435570.1, 0, 0.3, 3776839.7), 26911),
    'rotated': (NORTH_UP @ Affine.rotation(31), 26911),
    'oblong': (Affine(0.5, 0, 435570.1, 0, -0.25, 3776839.7), 26911),
    'degrees': (Affine(3e-6, 0, -117.7, 0, -2.7e-6, 34.13), 4326),
}


def grid_of(transform, code, size=SIZE):
    return TileGrid.over(RasterCRS.from_epsg(code), transform, height=size[0], width=size[1], gsd=None)


def shapes_of(polygons, code, values=None):
    values = np.ones(len(polygons), np.int64) if values is None else np.array(values, np.int64)
    return [Shapes(np.array(polygons, object), values, CRS.from_epsg(code), 'labels.gpkg')]


def in_tiles(canvas, size, tile=32):
    """Return windows painted one by one and put together."""
    whole = np.zeros((size[0] // tile * tile + tile, size[1] // tile * tile + tile), np.uint8)
    for row in range(0, size[0], tile):
        for column in range(0, size[1], tile):
            whole[row : row + tile, column : column + tile] = canvas.paint(Window(column, row, tile, tile))
    return whole[: size[0], : size[1]]


@pytest.mark.parametrize('all_touched', [False, True])
@pytest.mark.parametrize('name', GRIDS)
def test_tiles_equal_the_whole_painted_by_gdal(name, all_touched):
    transform, code = GRIDS[name]
    polygons = on_map(random_polygons(60, seed=1), transform)
    values = np.random.default_rng(2).integers(0, 4, len(polygons))
    canvas, _ = canvas_of(
        shapes_of(polygons, code, values),
        grid_of(transform, code),
        painting=(0, 1, 3, 2, 255),
        uncovered=0,
        all_touched=all_touched,
    )
    order = np.argsort([(0, 1, 3, 2).index(value) for value in values], kind='stable')
    expected = rasterize(
        [(polygons[place], int(values[place])) for place in order],
        out_shape=SIZE,
        transform=transform,
        all_touched=all_touched,
        dtype=np.uint8,
    )
    assert np.unique(expected).tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(in_tiles(canvas, SIZE), expected)


def test_long_outlines_are_cut_to_the_window_without_a_trace():
    circle = shapely.Point(60, 45).buffer(40, quad_segs=200)
    ragged = shapely.Polygon([(2 + i / 10, 5 + 3 * (i % 2)) for i in range(1100)] + [(112, 80), (2, 80)])
    polygons = np.array([circle, ragged.buffer(0)], object)
    canvas = Canvas(polygons, np.array([1, 2]), uncovered=0)
    expected = rasterize(list(zip(polygons, [1, 2], strict=True)), out_shape=SIZE, dtype=np.uint8)
    np.testing.assert_array_equal(in_tiles(canvas, SIZE, tile=16), expected)


@pytest.mark.parametrize('code', [4326, 3857])
def test_labels_of_another_reference_system_differ_within_a_centimetre_of_outlines_only(code):
    polygons = on_map(random_polygons(60, seed=3, within=20), NORTH_UP)
    forward = Transformer.from_crs(26911, code, always_xy=True)
    moved = [shapely.transform(shape, forward.transform, interleaved=False) for shape in polygons]
    grid = grid_of(NORTH_UP, 26911)
    own, _ = canvas_of(shapes_of(polygons, 26911), grid, painting=(0, 1), uncovered=0)
    other, _ = canvas_of(shapes_of(moved, code), grid, painting=(0, 1), uncovered=0)
    unlike = own.paint(Window(0, 0, *SIZE[::-1])) != other.paint(Window(0, 0, *SIZE[::-1]))
    rows, columns = np.nonzero(unlike)
    centres = shapely.points(*(NORTH_UP @ (columns + 0.5, rows + 0.5)))
    assert (shapely.distance(centres, shapely.union_all([shape.boundary for shape in polygons])) < 0.01).all()
    assert own.paint(Window(0, 0, *SIZE[::-1])).sum() > 1000


def test_tracing_what_was_painted_gives_the_polygons_to_half_a_pixel():
    boxes = [shapely.box(5.3, 7.8, 40.4, 30.1), shapely.box(50.45, 20.2, 100.6, 70.7)]
    drawn = shapely.union_all(boxes).difference(shapely.box(60.2, 30.3, 80.4, 50.9))
    canvas = Canvas(np.array(shapely.get_parts(drawn), object), np.ones(2, np.int64), uncovered=0)
    label = in_tiles(canvas, SIZE)
    traced = shapely.union_all([shapely.geometry.shape(shape) for shape, _ in trace(label, mask=label == 1)])
    # The Hausdorff distance of right-angled outlines is that of corners, half a pixel along each axis.
    assert shapely.hausdorff_distance(traced.boundary, drawn.boundary) <= np.hypot(0.5, 0.5)
    ours, theirs = (shapely.get_coordinates(shape).round(6) for shape in (traced, drawn))
    for axis in (0, 1):
        edges = np.unique(theirs[:, axis])
        assert max(np.abs(edges - value).min() for value in ours[:, axis]) <= 0.5


def test_border_is_ignored_by_metres_on_each_side_also_round_holes_and_from_beyond_the_edge():
    drawn = [shapely.box(20, 20, 60, 60).difference(shapely.box(35, 35, 45, 45)), shapely.box(70, -10, 90, -2)]
    transform = Affine(0.5, 0, 500_000, 0, -0.25, 5_800_000)  # oblong: metres are not pixels
    grid = TileGrid(RasterCRS.from_epsg(32633), transform, *SIZE, (1.0, 1.0), (0.25, 0.5))
    canvas, _ = canvas_of(
        shapes_of(on_map(drawn, transform), 32633), grid, painting=(0, 1, 255), uncovered=0, border_ignore=1.0
    )
    label = canvas.paint(Window(0, 0, *SIZE[::-1]))
    # One metre is two columns and four rows, on each side.
    assert label[40, 17:24].tolist() == [0, 255, 255, 255, 255, 1, 1]
    assert label[15:26, 27].tolist() == [0, *[255] * 8, 1, 1]
    assert label[40, 40] == 0 and (label[38:42, 33:37] == 255).all()
    assert label[0, 80] == 255 and label[3, 80] == 0


def test_a_band_is_as_wide_in_metres_as_it_is_told():
    line = shapely.box(0, 0, 100, 100)
    [band] = bands_round(np.array([line], object), metres=3.0, pixel=(1.0, 2.0))
    assert band.bounds == pytest.approx((-1.5, -3, 101.5, 103))
