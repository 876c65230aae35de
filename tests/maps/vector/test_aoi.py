import sqlite3
from contextlib import closing

import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from property_support import examples
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.transform import xy
from rasterio.windows import Window
from vector_support import lacks_grid

from mmseg_aux_hrnet.errors import DataError, OutsideAreaError
from mmseg_aux_hrnet.maps.options import warn_once
from mmseg_aux_hrnet.maps.vector.aoi import AreaOfInterest, area_digest

UTM = CRS.from_epsg(32633)
HEIGHT, WIDTH = 60, 80
NORTH_UP = Affine(2, 0, 400_000, 0, -2, 5_800_000)
SOUTH_UP = Affine(2, 0, 400_000, 0, 2, 5_800_000)
TURNED = Affine.translation(400_000, 5_800_000) @ Affine.rotation(30) @ Affine.scale(2, -2)


def centres(transform, rows, cols):
    row, col = np.mgrid[:rows, :cols]
    return (np.reshape(axis, (rows, cols)) for axis in xy(transform, row.ravel(), col.ravel()))


def inside(polygons, transform):
    """Return which pixel centres lie in polygons, one by one: a second way."""
    east, north = centres(transform, HEIGHT, WIDTH)
    return shapely.contains_xy(shapely.union_all(polygons), east, north)


def write(path, geometries, crs='EPSG:32633', **options):
    kinds = {shape.geom_type for shape in geometries if shape is not None}
    kind = kinds.pop() if len(kinds) == 1 else 'Unknown'
    pyogrio.raw.write(path, shapely.to_wkb(np.array(geometries)), [], [], geometry_type=kind, crs=crs, **options)
    return path


def area(path, *, crs=UTM, transform=NORTH_UP):
    return AreaOfInterest.from_file(path, crs=crs, transform=transform, height=HEIGHT, width=WIDTH)


def whole_mask(path, *, crs=UTM, transform=NORTH_UP):
    return area(path, crs=crs, transform=transform).mask(Window(0, 0, WIDTH, HEIGHT), transform)


def star(transform, *, seed=0, corners=9):
    """Return a star over the raster whose corners lie on no pixel's centre."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    radius = rng.uniform(8, 35, corners)
    rows, cols = 30.123 + radius * np.sin(angle), 40.321 + radius * np.cos(angle)
    return shapely.Polygon(np.column_stack(xy(transform, rows, cols, offset='ul')))


@pytest.mark.parametrize('transform', [NORTH_UP, SOUTH_UP, TURNED])
@pytest.mark.parametrize('name', ['area.gpkg', 'area.shp', 'area.fgb'])
def test_pixels_are_inside_by_their_centres(tmp_path, transform, name):
    polygons = [star(transform), shapely.transform(star(transform, seed=1), lambda at: at + 31.7)]
    path = write(tmp_path / name, polygons)
    assert (whole_mask(path, transform=transform) == inside(polygons, transform)).all()


def test_holes_and_parts_count(tmp_path):
    outer = star(NORTH_UP)
    hole = outer.representative_point().buffer(9.3)
    shape = shapely.MultiPolygon(
        [*shapely.get_parts(outer - hole), shapely.box(400_001.1, 5_799_890.1, 400_009.3, 5_799_899.1)]
    )
    assert (whole_mask(write(tmp_path / 'area.gpkg', [shape])) == inside([shape], NORTH_UP)).all()


@examples(40)
@given(st.integers(0, 9), st.data())
@pytest.mark.parametrize('transform', [NORTH_UP, TURNED])
def test_windows_are_parts_of_the_whole(transform, seed, data):
    top, left = data.draw(st.integers(0, HEIGHT - 1)), data.draw(st.integers(0, WIDTH - 1))
    height, width = data.draw(st.integers(1, HEIGHT - top)), data.draw(st.integers(1, WIDTH - left))
    interest = AreaOfInterest(np.array([star(transform, seed=seed)]))
    whole = interest.mask(Window(0, 0, WIDTH, HEIGHT), transform)
    part = interest.mask(Window(left, top, width, height), transform)
    assert (part == whole[top : top + height, left : left + width]).all()


@pytest.mark.parametrize('crs', ['EPSG:4326', 'EPSG:3857', 'EPSG:25833', 'EPSG:2056', 'EPSG:2039'])
def test_polygons_of_another_reference_system_are_reprojected(tmp_path, crs):
    wanted = star(NORTH_UP)
    there = Transformer.from_crs('EPSG:32633', crs, always_xy=True)
    moved = shapely.transform(wanted, lambda at: np.column_stack(there.transform(at[:, 0], at[:, 1])))
    got = whole_mask(write(tmp_path / 'area.gpkg', [moved], crs=crs))
    assert (got != inside([wanted], NORTH_UP)).sum() <= 1  # of 4800 pixels: an edge is straight in one of the systems


def test_long_edges_stay_where_they_are_on_the_ground(tmp_path):
    """A parallel of 10 degrees bends by kilometres on the map, and the raster lies between it and its chord."""
    to_utm = Transformer.from_crs('EPSG:4326', 'EPSG:32633', always_xy=True)
    east, north = to_utm.transform(15.0, 52.0)
    transform = Affine(2, 0, east - WIDTH, 0, -2, north + HEIGHT)  # its centre lies on the parallel
    path = write(tmp_path / 'area.gpkg', [shapely.box(10, 52, 20, 53)], crs='EPSG:4326')
    to_degrees = Transformer.from_crs('EPSG:32633', 'EPSG:4326', always_xy=True)
    _, latitudes = to_degrees.transform(*centres(transform, HEIGHT, WIDTH))
    mask = whole_mask(path, transform=transform)
    assert (mask == (latitudes > 52)).all() and 0.4 < mask.mean() < 0.6


@pytest.mark.parametrize('transform', [NORTH_UP, TURNED])
def test_the_whole_world_is_everywhere(tmp_path, transform):
    assert whole_mask(
        write(tmp_path / 'w.gpkg', [shapely.box(-180, -90, 180, 90)], crs='EPSG:4326'), transform=transform
    ).all()


def test_raster_across_the_antimeridian(tmp_path):
    transform = Affine(0.05, 0, 178, 0, -0.05, -15)  # 80 columns: 178 to 182 degrees
    crs = CRS.from_string('+proj=longlat +datum=WGS84 +lon_wrap=180')
    polygons = [shapely.box(179.01, -17, 180, -16), shapely.box(-180, -17, -179.01, -16)]
    mask = whole_mask(write(tmp_path / 'fiji.gpkg', polygons, crs='EPSG:4326'), crs=crs, transform=transform)
    east, north = centres(transform, HEIGHT, WIDTH)
    assert (mask == ((east > 179.01) & (east < 180.99) & (north < -16) & (north > -17))).all()


def test_thousands_of_polygons_give_what_their_union_gives(tmp_path):
    rng = np.random.default_rng(0)
    corner = np.column_stack([rng.uniform(390_000, 410_000, 5000), rng.uniform(5_790_000, 5_810_000, 5000)])
    polygons = [
        shapely.box(x, y, x + 7.3, y + 9.1) for x, y in [*corner, (400_010.3, 5_799_950.2), (400_013.1, 5_799_955.4)]
    ]
    assert (whole_mask(write(tmp_path / 'area.gpkg', polygons)) == inside(polygons, NORTH_UP)).all()


def test_raster_outside_is_told_apart(tmp_path):
    with pytest.raises(OutsideAreaError, match=r'no polygon of .*area\.gpkg touches the raster'):
        area(write(tmp_path / 'area.gpkg', [shapely.box(0, 0, 9, 9)]))
    with pytest.raises(OutsideAreaError, match='touches the raster'):
        area(write(tmp_path / 'far.gpkg', [shapely.box(-120, -9, -119, -8)], crs='EPSG:4326'))


def test_raster_without_reference_system_is_refused(tmp_path):
    with pytest.raises(DataError, match='the raster has no coordinate reference system'):
        area(write(tmp_path / 'area.gpkg', [star(NORTH_UP)]), crs=None)


@pytest.mark.parametrize('transform', [NORTH_UP, SOUTH_UP, TURNED], ids=['north up', 'south up', 'turned'])
@pytest.mark.parametrize(('radius', 'holds'), [(0.5, False), (1.5, True)])
def test_polygons_between_the_centres_of_pixels_are_told_apart(tmp_path, transform, radius, holds):
    corner = shapely.Point(xy(transform, 10, 20, offset='ul'))  # of four pixels, whose centres are 1.4 m away
    path = write(tmp_path / 'small.gpkg', [corner.buffer(radius)])
    if holds:
        assert area(path, transform=transform).mask(Window(0, 0, WIDTH, HEIGHT), transform).sum() == 4
        return
    with pytest.raises(OutsideAreaError, match='no polygon of .*small.gpkg contains the centre of a pixel'):
        area(path, transform=transform)


def test_an_area_is_the_same_however_it_is_stored(tmp_path):
    box = shapely.box(400_000, 5_799_900, 400_050, 5_800_000)
    first = area_digest(write(tmp_path / 'a.gpkg', [box]))
    assert area_digest(write(tmp_path / 'a.shp', [shapely.orient_polygons(box, exterior_cw=True)])) == first
    assert area_digest(write(tmp_path / 'b.gpkg', [shapely.box(0, 0, 1, 1)])) != first
    with closing(sqlite3.connect(tmp_path / 'a.gpkg')) as connection:
        connection.execute('CREATE TABLE other (a)')
    assert area_digest(tmp_path / 'a.gpkg') == first


def test_another_reference_system_beside_a_shapefile_is_another_area(tmp_path):
    path = write(tmp_path / 'a.shp', [shapely.box(400_000, 5_799_900, 400_050, 5_800_000)])
    first = area_digest(path)
    (tmp_path / 'a.prj').write_text(CRS.from_epsg(32632).to_wkt())
    assert area_digest(path) != first


def test_what_was_last_written_to_a_geopackage_counts(tmp_path):
    boxes = [shapely.box(400_000 + left, 5_799_900, 400_050 + left, 5_800_000) for left in (0, 100)]
    path = write(tmp_path / 'a.gpkg', boxes)
    first = area_digest(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute('PRAGMA journal_mode=WAL')
        before = path.read_bytes()
        triggers = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for trigger in triggers:  # they need functions that SQLite by itself does not have
            connection.execute(f'DROP TRIGGER "{trigger}"')
        connection.execute('DELETE FROM a WHERE fid = 2')
        assert path.read_bytes() == before  # what changed lies beside it
        assert area_digest(path) != first


def test_an_area_that_may_lie_metres_off_is_told_of_once(tmp_path, caplog):
    lacks_grid()
    warn_once.cache_clear()
    path = write(tmp_path / 'aoi.gpkg', [shapely.box(651_409, 313_177, 651_509, 313_277)], crs='EPSG:27700')
    for _ in range(2):
        area(path, crs=CRS.from_epsg(25831), transform=Affine(2, 0, 413_150, 0, -2, 5_835_100))
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f'{path}: coordinates in OSGB36 / British National Grid became those in ETRS89')
    assert 'with an accuracy of 3 m; 0.03 m needs the grid file uk_os_OSTN15' in said
