"""What is read of vector files: every kind of polygon; what cannot be painted is named."""

import numpy as np
import pyogrio
import pytest
import shapely
from labelling_support import write_layer
from raster_support import UTM

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.labelling.class_rules import LabelFile, by_own_names, class_rules
from mmseg_aux_hrnet.labelling.shapes import read_shapes

RULES = class_rules(classes='background,green,roof', class_map=None)
BOX = shapely.box(500_000, 5_799_990, 500_010, 5_800_000)
with np.errstate(invalid='ignore'):
    NOWHERE = shapely.from_wkt('POLYGON ((0 0, nan 1, 2 2, 0 0))')


def read(path, *, rules=RULES, field=None, buffer=None, layer=None, name='green', encoding=None):
    files = [LabelFile(path, layer, None if field else name)]
    return read_shapes(files, rules, field=field, buffer=buffer, encoding=encoding)


def csv(tmp_path, *geometries, crs='EPSG:32633'):
    """Write geometries as text, which holds every kind, behind a virtual format that says the reference system."""
    rows = ''.join(f'{number},"{text}"\n' for number, text in enumerate(geometries, start=1))
    (tmp_path / 'odd.csv').write_text(f'id,WKT\n{rows}')
    path = tmp_path / 'odd.vrt'
    path.write_text(
        f'<OGRVRTDataSource><OGRVRTLayer name="odd"><SrcDataSource relativeToVRT="1">odd.csv</SrcDataSource>'
        f'<LayerSRS>{crs}</LayerSRS></OGRVRTLayer></OGRVRTDataSource>'
    )
    return path


def test_holes_parts_heights_and_curves_are_polygons(tmp_path):
    path = csv(
        tmp_path,
        'POLYGON ((0 0,10 0,10 10,0 10,0 0),(4 4,6 4,6 6,4 6,4 4))',
        'MULTIPOLYGON Z (((20 0 5,30 0 5,30 10 5,20 10 5,20 0 5)),((40 0 5,50 0 5,50 10 5,40 0 5)))',
        'CURVEPOLYGON (CIRCULARSTRING (100 0,110 10,100 20,90 10,100 0))',
        'GEOMETRYCOLLECTION (POLYGON ((60 0,61 0,61 1,60 1,60 0)),POINT (3 3))',
    )
    [shapes], notes = read(path)
    assert shapely.area(shapes.polygons) == pytest.approx([96, 150, np.pi * 100, 1], rel=1e-3)
    assert shapes.values.tolist() == [1] * 4 and len(notes) == 1
    assert not shapely.has_z(shapes.polygons).any()


def test_broken_outlines_are_mended_and_told_with_their_ids(tmp_path):
    bow = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    [shapes], notes = read(write_layer(tmp_path / 'a.gpkg', [BOX, bow]))
    assert shapely.is_valid(shapes.polygons).all() and shapes.polygons[1].area == pytest.approx(50)
    assert notes[0].endswith('1 of 2 geometries had broken outlines, which were repaired (fid 2)')


@pytest.mark.parametrize(
    ('text', 'name'),
    [
        ('TIN (((0 0,1 0,0 1,0 0)))', 'TIN'),
        ('TIN Z (((0 0 1,1 0 1,0 1 1,0 0 1)))', 'TIN'),
        ('POLYHEDRALSURFACE (((0 0,1 0,0 1,0 0)))', 'PolyhedralSurface'),
    ],
)
def test_surfaces_are_refused_by_name(tmp_path, text, name):
    path = csv(tmp_path, 'POLYGON ((0 0,1 0,0 1,0 0))', text)
    with pytest.raises(DataError, match=rf'odd.*1 geometry of type {name} \(fid 2\).*ogr2ogr -nlt MULTIPOLYGON'):
        read(path)


def test_lines_and_points_need_a_width(tmp_path):
    line, point = shapely.LineString([(500_000, 5_800_000), (500_100, 5_800_000)]), shapely.Point(500_000, 5_800_000)
    path = write_layer(tmp_path / 'a.gpkg', [BOX, line, point])
    with pytest.raises(
        DataError, match=r'2 of 3 geometries are of type linestring and point.*fid 2, 3.*--buffer METRES'
    ):
        read(path)
    [shapes], notes = read(path, buffer=2.0)
    # A metre of this map is 1.0004 m of ground.
    assert shapely.area(shapes.polygons) == pytest.approx([100, 400 + 4 * np.pi, 4 * np.pi], rel=0.01)
    assert any('2 lines or points were widened by 2 m' in note for note in notes)


def test_metres_are_metres_in_degrees_too(tmp_path):
    path = write_layer(tmp_path / 'a.gpkg', [shapely.Point(15, 60)], crs='EPSG:4326')
    [shapes], _ = read(path, buffer=10.0)
    west, south, east, north = shapes.polygons[0].bounds
    assert (north - south) * 111_412 == pytest.approx(20, rel=1e-3)
    assert (east - west) * 55_800 == pytest.approx(20, rel=1e-3)


@pytest.mark.parametrize(
    ('geometries', 'crs', 'message'),
    [
        ([BOX], None, 'a.gpkg has no coordinate reference system: assign one'),
        ([shapely.Polygon([(0, 0), (1, 1), (2, 2)])], UTM, 'none of its 1 geometry has an area'),
        ([BOX, NOWHERE], UTM, r'coordinates are not numbers \(fid 2\)'),
    ],
)
@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_what_cannot_be_painted_is_one_line(tmp_path, geometries, crs, message):
    with pytest.raises(DataError, match=message):
        read(write_layer(tmp_path / 'a.gpkg', geometries, crs=crs))


def test_polygons_without_an_area_are_left_out_and_told(tmp_path):
    flat = shapely.Polygon([(0, 0), (1, 1), (2, 2)])
    [shapes], notes = read(write_layer(tmp_path / 'a.gpkg', [BOX, flat, BOX]))
    assert len(shapes.polygons) == 2
    assert any('1 of 3 geometries have no area and are left out (fid 2)' in note for note in notes)


def test_a_file_that_is_none_is_one_line(tmp_path):
    (tmp_path / 'a.gpkg').write_text('nothing')
    with pytest.raises(DataError, match=r'a\.gpkg cannot be read as a vector file'):
        read(tmp_path / 'a.gpkg')
    pyogrio.raw.write(
        tmp_path / 'b.gpkg', np.array([], object), field_data=[], fields=[], crs=UTM, geometry_type='Polygon'
    )
    with pytest.raises(DataError, match=r'b\.gpkg holds nothing'):
        read(tmp_path / 'b.gpkg')


class TestField:
    VALUES = ('park', 'tree', 'building', 'park')

    def path(self, tmp_path, values=VALUES):
        return write_layer(tmp_path / 'a.gpkg', [BOX] * len(values), fields={'kind': values})

    def test_values_are_mapped(self, tmp_path):
        rules = class_rules(classes=None, class_map='park=green,tree=green,*=roof')
        assert rules.classes.names == ('background', 'green', 'roof')
        [shapes], _ = read(self.path(tmp_path), rules=rules, field='kind')
        assert shapes.values.tolist() == [1, 1, 2, 1]

    def test_values_can_be_the_names_themselves(self, tmp_path):
        rules = by_own_names(class_rules(classes='background,park,tree,building', class_map=None))
        [shapes], _ = read(self.path(tmp_path), rules=rules, field='kind')
        assert shapes.values.tolist() == [1, 2, 3, 1]

    def test_unknown_values_are_listed_with_counts(self, tmp_path):
        rules = class_rules(classes=None, class_map='tree=green')
        message = r'field kind: 3 values without a class: park \(2x\), building \(1x\), \(empty\) \(1x\); name each'
        with pytest.raises(DataError, match=message):
            read(self.path(tmp_path, [*self.VALUES, None]), rules=rules, field='kind')

    def test_whole_numbers_are_written_without_decimals(self, tmp_path):
        rules = class_rules(classes=None, class_map='1=green,2=ignore')
        path = tmp_path / 'a.gpkg'
        pyogrio.raw.write(
            path, shapely.to_wkb(np.array([BOX] * 3)), field_data=[np.array([1.0, 2.0, 1.0])], fields=['code'], crs=UTM,
            geometry_type='Polygon',
        )  # fmt: skip
        [shapes], _ = read(path, rules=rules, field='code')
        assert shapes.values.tolist() == [1, 255, 1]

    def test_a_field_that_is_not_there_or_empty_is_named(self, tmp_path):
        rules = class_rules(classes=None, class_map='tree=green')
        with pytest.raises(ConfigError, match=r"a\.gpkg has no field 'class'; its fields are: kind"):
            read(self.path(tmp_path), rules=rules, field='class')
        with pytest.raises(DataError, match='the field kind is empty in all of its 2 rows'):
            read(self.path(tmp_path, [None, '']), rules=rules, field='kind')
