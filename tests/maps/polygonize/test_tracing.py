import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.features import rasterize
from scipy import ndimage

from mmseg_aux_hrnet.maps.polygonize.strips import REST, Strip, strip_rows, strips
from mmseg_aux_hrnet.maps.polygonize.tracing import PixelPolygons, trace

MAPS = arrays(np.uint8, st.tuples(st.integers(1, 16), st.integers(1, 16)), elements=st.sampled_from([0, 1, 2, REST]))


def traced(values, *, rows, smallest=0.0, simplify=0.0, area=1.0):
    parts = strips(lambda start, stop: values[start:stop], shape=values.shape, rows=rows)
    batches = trace(parts, smallest=smallest, simplify=simplify, pixel_area=lambda places: np.full(len(places), area))
    return PixelPolygons(*(np.concatenate(columns) for columns in zip(*batches, strict=True)))


def as_set(polygons):
    """Return polygons with their attributes, in no order; each vertex counts."""
    return sorted(
        (int(value), int(pixels), shapely.normalize(outline).wkt)
        for outline, value, pixels in zip(*polygons, strict=True)
    )


def number_of_regions(values):
    return sum(ndimage.label(values == value)[1] for value in range(3))


@given(MAPS, st.integers(1, 5))
def test_every_region_is_one_valid_polygon_whatever_the_strips(values, rows):
    polygons = traced(values, rows=rows)
    assert len(polygons.values) == number_of_regions(values)
    assert shapely.is_valid(polygons.outlines).all()
    assert (shapely.area(polygons.outlines) == polygons.pixels).all()
    assert as_set(polygons) == as_set(traced(values, rows=len(values)))


@given(MAPS, st.integers(1, 5))
def test_polygons_burnt_again_are_the_map(values, rows):
    outlines, classes, _ = traced(values, rows=rows)
    burnt = np.full(values.shape, REST, np.uint8)
    if len(classes):
        rasterize(zip(outlines, classes.tolist(), strict=True), out=burnt)
    assert (burnt == values).all()


@given(MAPS, st.integers(1, 9), st.sampled_from([0.8, 1.5, 4.0]))
def test_simplified_polygons_share_their_borders_also_across_strips(values, rows, simplify):
    polygons = traced(values, rows=rows, simplify=simplify)
    assert len(polygons.values) == number_of_regions(values)
    assert shapely.is_valid(polygons.outlines).all()
    # No overlap, and no border that runs beside the neighbour's; gaps would change the union of a full map.
    assert not len(polygons.values) or shapely.coverage_is_valid(polygons.outlines)


def test_simplification_leaves_no_gap_in_a_full_map():
    values = np.random.default_rng(1).integers(0, 3, (24, 24)).astype(np.uint8)
    polygons = traced(values, rows=7, simplify=2.0)
    whole = shapely.union_all(polygons.outlines)
    assert whole.equals(shapely.box(0, 0, 24, 24))
    assert (
        shapely.get_num_coordinates(polygons.outlines).sum()
        < shapely.get_num_coordinates(traced(values, rows=7).outlines).sum()
    )


def test_a_staircase_becomes_a_slope():
    values = np.tril(np.ones((20, 20), np.uint8))
    values[values == 0] = REST
    (outline,) = traced(values, rows=20, simplify=1.5).outlines
    assert shapely.get_num_coordinates(outline) < 10
    assert outline.area == pytest.approx(210, abs=12)


def test_a_square_has_four_corners_though_it_crosses_three_seams():
    values = np.full((8, 5), REST, np.uint8)
    values[1:7, 1:4] = 0
    (outline,) = traced(values, rows=2).outlines
    assert shapely.normalize(outline).wkt == shapely.normalize(shapely.box(1, 1, 4, 7)).wkt


def test_a_neighbour_that_ends_at_a_straight_border_puts_a_vertex_there():
    values = np.array([[0, 0, 0], [0, 0, 0], [1, 1, 2], [1, 1, 2]], np.uint8)
    for rows in (1, 2, 3, 4):
        upper = traced(values, rows=rows).outlines[traced(values, rows=rows).values == 0][0]
        assert (2.0, 2.0) in upper.exterior.coords
        assert len(upper.exterior.coords) == 6  # four corners, that vertex, and the first again


def test_feet_that_touch_at_a_corner_give_an_outline_that_touches_nothing():
    values = np.array([[0, 0, 0], [0, REST, 0], [0, REST, 0], [0, 0, REST]], np.uint8)
    for rows in (1, 2, 4):
        (outline,) = traced(values, rows=rows).outlines
        assert outline.is_valid
        assert [shapely.Polygon(ring).area for ring in outline.interiors] == [2]


def test_regions_below_the_smallest_area_are_left_out_also_when_they_cross_seams():
    values = np.full((6, 6), REST, np.uint8)
    values[0, 0] = values[2:4, 2:4] = 0
    values[5, :5] = 1
    for rows in (1, 3, 6):
        kept = traced(values, rows=rows, smallest=2.25, area=0.5)
        assert kept.pixels.tolist() == [5]
        assert sorted(traced(values, rows=rows, smallest=2.0, area=0.5).pixels.tolist()) == [4, 5]


def test_junctions_are_where_three_or_four_borders_meet():
    outside = np.full(2, REST, np.uint8)
    strip = Strip(0, np.array([[0, 1], [1, 0]], np.uint8), outside, outside)
    junctions, _ = strip.corners()
    assert junctions.astype(int).tolist() == [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    assert Strip(0, np.array([[0, 0]], np.uint8), outside, outside).corners()[0].sum() == 0


@pytest.mark.parametrize(
    ('shape', 'rows'), [((5, 7), 5), ((100_000, 512), 8192), ((9000, 20_000), 256), ((300, 2**23), 256)]
)
def test_strips_have_about_four_million_pixels_and_at_least_256_rows(shape, rows):
    assert strip_rows(shape) == rows
