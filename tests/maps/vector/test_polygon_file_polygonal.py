import numpy as np
import pytest
import shapely

from mmseg_aux_hrnet.maps.vector.polygons import polygonal, repair

BOW_TIE = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
OVERLAPPING = shapely.MultiPolygon([shapely.box(0, 0, 5, 5), shapely.box(3, 0, 8, 5)])
SPIKE = shapely.Polygon([(0, 0), (2, 0), (2, 2), (2, 5), (2, 2), (0, 2)])
LINE = shapely.LineString([(0, 0), (1, 1)])


@pytest.mark.parametrize(
    ('broken', 'area'),
    [
        (BOW_TIE, 2),
        (OVERLAPPING, 40),
        (SPIKE, 4),
        (shapely.GeometryCollection([BOW_TIE, OVERLAPPING, LINE, shapely.Point(9, 9)]), 40),
        (shapely.Polygon([(0, 0), (1, 1), (0, 0)]), 0),
        (shapely.Polygon(), 0),
        (None, 0),
    ],
)
def test_repaired_are_valid_multipolygons_of_what_was_covered(broken, area):
    whole = repair(np.array([broken], object))[0]
    assert (whole.geom_type, whole.is_valid, whole.area) == ('MultiPolygon', True, area)


def test_every_row_keeps_its_place():
    nested = shapely.GeometryCollection([LINE, OVERLAPPING, shapely.box(20, 0, 21, 1)])
    rows = np.array([LINE, shapely.box(0, 0, 1, 1), None, nested, shapely.Polygon(), shapely.box(0, 0, 2, 1)], object)
    kept = polygonal(rows)
    assert [len(shapely.get_parts(row)) for row in kept] == [0, 1, 0, 3, 0, 1]
    assert set(shapely.get_type_id(kept)) == {shapely.GeometryType.MULTIPOLYGON}


def test_nothing():
    assert len(repair(np.array([], object))) == 0
