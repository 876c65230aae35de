import numpy as np
import pytest
import shapely
from affine import Affine
from raster_support import write_raster
from shapely import affinity

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.maps.polygonize.polygonizing import polygonize
from mmseg_aux_hrnet.maps.polygonize.request import PolygonRequest

pytest.importorskip('buildingregulariser')
from rasterio.features import rasterize

from mmseg_aux_hrnet.maps.polygonize.features import square_corners

TAGS = {'CLASS_NAMES': '["background", "building", "green"]'}
HOUSE = affinity.rotate(shapely.box(12, 20, 52, 44), 25)


def angles(polygon):
    """Return the angle of each corner in degrees."""
    corners = np.array(polygon.exterior.coords)[:-1]
    before, after = corners - np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0) - corners
    cosines = (before * after).sum(axis=1) / np.linalg.norm(before, axis=1) / np.linalg.norm(after, axis=1)
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


def house_map(path, **options):
    values = rasterize([(HOUSE, 1)], out_shape=(64, 64), dtype='uint8')
    return write_raster(path, values, nodata=255, tags=TAGS, **options)


def test_a_house_of_pixels_becomes_its_rectangle(tmp_path):
    from pyogrio.raw import read

    request = PolygonRequest(of=('building',), square=True)
    summary = polygonize(house_map(tmp_path / 'map.tif'), tmp_path / 'out.gpkg', request=request)
    (house,) = shapely.from_wkb(read(tmp_path / 'out.gpkg')[2])
    assert angles(house) == pytest.approx([90] * 4, abs=0.5)
    expected = affinity.affine_transform(HOUSE, [1, 0, 0, -1, 500_000, 5_800_000])
    assert house.intersection(expected).area / house.union(expected).area > 0.95
    assert summary.square_metres['building'] == pytest.approx(house.area)


def test_what_cannot_be_squared_stays_as_it_was():
    speck = shapely.box(0, 0, 1, 1)
    result = square_corners(np.array([speck, HOUSE], object), tolerance=3.0)
    assert len(result) == 2
    assert shapely.is_valid(result).all()
    assert not len(square_corners(np.zeros(0, object), tolerance=3.0))


@pytest.mark.parametrize(
    ('options', 'said'),
    [({'crs': 'EPSG:4326', 'transform': Affine(1e-4, 0, 13, 0, -1e-4, 52)}, 'square pixels of a projected'),
     ({'transform': Affine(1, 0, 5e5, 0, -2, 58e5)}, '1 by -2')],
)  # fmt: skip
def test_pixels_that_are_not_square_are_refused(tmp_path, options, said):
    with pytest.raises(ConfigError, match=said):
        polygonize(
            house_map(tmp_path / 'map.tif', **options),
            tmp_path / 'out.gpkg',
            request=PolygonRequest(of=('building',), square=True),
        )


def test_several_classes_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='tear building, green apart'):
        polygonize(house_map(tmp_path / 'map.tif'), tmp_path / 'out.gpkg', request=PolygonRequest(square=True))
