import io

import numpy as np
import pytest
import rasterio
from affine import Affine
from areas_support import LEFT, TOP, square, write_map, write_zones
from PIL import Image
from pyproj import Transformer
from raster_support import METRE, UTM, noise, write_raster
from rasterio.transform import from_origin

from mmseg_aux_hrnet.classes import PALETTE, Classes, class_colours
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.maps.measure.frame import fit_frame, image_pixels, map_values
from mmseg_aux_hrnet.maps.measure.quicklook import draw_quicklook, paint, round_length
from mmseg_aux_hrnet.maps.measure.zonal import zonal_area
from mmseg_aux_hrnet.raster.source import AS_IT_SAYS, Reading

RGB = ('red', 'green', 'blue')
HALVES = np.repeat([[0], [1]], [12, 28], axis=0) * np.ones((1, 60))  # the upper 12 rows are other, the rest green


def frame_of(areas, longest_side=640):
    return fit_frame(areas.grid, areas.ground, longest_side=longest_side)[0]


def test_picture_has_the_colours_of_the_legend(tmp_path):
    areas = zonal_area(write_map(tmp_path / 'map.tif', HALVES))
    picture = np.asarray(Image.open(io.BytesIO(draw_quicklook(areas))).convert('RGB'))
    share = (picture == (128, 0, 0)).all(axis=-1).mean()
    assert 0.3 < share < 0.7
    assert (picture == (128, 0, 0)).all(axis=-1)[: picture.shape[0] // 5].mean() < 0.01


@pytest.mark.parametrize('turn', [Affine.identity(), Affine.rotation(90), Affine.scale(1, -1), Affine.rotation(180)])
def test_north_is_up_whatever_the_map(tmp_path, turn):
    values = np.zeros((30, 30), np.uint8)
    values[3:8, 20:28] = 1
    transform = Affine.translation(LEFT, TOP) @ turn @ Affine.scale(1, -1)
    areas = zonal_area(write_map(tmp_path / 'map.tif', values, transform=transform))
    found = map_values(areas.path, frame_of(areas), classes=areas.legend.names)
    assert found.shape == (30, 30)
    x, y = transform @ (24, 5.5)  # the middle of the green part
    left, top = frame_of(areas).transform @ (0, 0)
    rows, columns = np.nonzero(found == 1)
    assert (rows.mean() + 0.5, columns.mean() + 0.5) == pytest.approx((top - y, x - left))


def test_pixels_of_the_picture_are_square_on_the_ground(tmp_path):
    path = write_map(
        tmp_path / 'map.tif', np.ones((40, 40)), crs='EPSG:4326', transform=from_origin(10, 60, 1e-4, 1e-4)
    )
    areas = zonal_area(path)
    frame, side = fit_frame(areas.grid, areas.ground, longest_side=640)
    assert frame.shape == (40, 20)  # a degree of longitude is half as long at 60 degrees
    assert side == pytest.approx(11.14, rel=1e-3)


def test_large_map_is_read_coarsely(tmp_path):
    areas = zonal_area(write_map(tmp_path / 'map.tif', np.repeat(np.repeat(HALVES, 10, axis=0), 10, axis=1)))
    frame, side = fit_frame(areas.grid, areas.ground, longest_side=60)
    assert frame.shape == (40, 60) and side == pytest.approx(10, rel=1e-3)
    np.testing.assert_array_equal(map_values(areas.path, frame, classes=areas.legend.names), HALVES)


def test_image_of_another_reference_system_lies_under_the_map(tmp_path):
    areas = zonal_area(write_map(tmp_path / 'map.tif', HALVES))
    bright = np.zeros((3, 30, 50), np.uint8)
    bright[0] = 200
    left, top = Transformer.from_crs(UTM, 4326, always_xy=True).transform(LEFT, TOP)
    to_degrees = from_origin(left - 1e-4, top + 1e-4, 1e-5, 1e-5)
    image = write_raster(tmp_path / 'i.tif', bright, crs='EPSG:4326', transform=to_degrees, colours=RGB)
    pixels = image_pixels(image, frame_of(areas), reading=AS_IT_SAYS)
    colours = {tuple(colour) for colour in pixels.reshape(-1, 3).tolist()}
    assert (200, 0, 0) in colours and colours <= {(200, 0, 0), (255, 255, 255)}


@pytest.mark.parametrize('crs', [None, UTM])
def test_image_that_cannot_lie_under_the_map(tmp_path, crs):
    areas = zonal_area(write_map(tmp_path / 'map.tif', HALVES))
    image = write_raster(
        tmp_path / 'i.tif', noise(), crs=crs, transform=METRE @ Affine.translation(900, 0), colours=RGB
    )
    with pytest.raises(DataError, match='no coordinate reference system' if crs is None else 'no pixel inside the map'):
        draw_quicklook(areas, image=image)


@pytest.mark.parametrize('palette', [False, True])
def test_image_of_one_band_is_white_where_it_does_not_reach(tmp_path, palette):
    areas = zonal_area(write_map(tmp_path / 'map.tif', HALVES))
    values = np.full((40, 60), 7, np.uint8)
    image = write_raster(tmp_path / 'i.tif', values, transform=METRE @ Affine.translation(30, 0))
    if palette:
        with rasterio.open(image, 'r+') as raster:
            raster.write_colormap(1, {0: (1, 2, 3), 7: (7, 7, 7)})
    reading = AS_IT_SAYS if palette else Reading.parse(bands='1,1,1', scale=None)
    pixels = image_pixels(image, frame_of(areas), reading=reading)
    assert (pixels == np.where(np.arange(60) < 30, 255, 7)[:, None]).all()


def test_bands_of_the_image(tmp_path):
    areas = zonal_area(write_map(tmp_path / 'map.tif', HALVES))
    image = write_raster(tmp_path / 'i.tif', noise(4, size=(40, 60)), colours=('gray', *['undefined'] * 3))
    with pytest.raises(ConfigError, match='give --bands'):
        draw_quicklook(areas, image=image)
    assert draw_quicklook(areas, image=image, reading=Reading.parse(bands='3,2,1', scale=None))[1:4] == b'PNG'


def test_image_shows_through_its_class_and_fully_through_the_background():
    image = np.full((1, 3, 3), 100, np.uint8)
    painted = paint(np.array([[0, 1, 255]], np.uint8), ((0, 0, 0), (200, 0, 0)), image=image, bare=0)
    assert painted.tolist() == [[[100, 100, 100], [150, 50, 50], [225, 225, 225]]]
    plain = paint(np.array([[0, 1, 255]], np.uint8), ((0, 0, 9), (200, 0, 0)), image=None, bare=None)
    assert plain.tolist() == [[[0, 0, 9], [200, 0, 0], [225, 225, 225]]]


def test_colours_where_the_map_has_none():
    colours = class_colours(Classes(tuple('abcdefghij')))
    assert len(colours) == 10 and len(set(colours)) == len(PALETTE)


@pytest.mark.parametrize(('limit', 'length'), [(1, 1), (99, 50), (100, 100), (0.34, 0.2), (7400, 5000), (19.9, 10)])
def test_round_length(limit, length):
    assert round_length(limit) == pytest.approx(length)


@pytest.mark.parametrize('size', [(1, 1), (1, 200), (200, 1)])
def test_maps_of_odd_shapes_and_names(tmp_path, size):
    path = write_map(tmp_path / '$map$.tif', np.full(size, 255), names=('a$b', 'c$d_^', '[e]'))
    assert len(draw_quicklook(zonal_area(path))) > 1000


def test_outlines_of_zones_are_drawn(tmp_path):
    path = write_map(tmp_path / 'map.tif', np.ones((40, 40)))
    plain = draw_quicklook(zonal_area(path))
    zones = write_zones(tmp_path / 'z.gpkg', [square(5, 5, 25)])
    outlined = draw_quicklook(zonal_area(path, zones=zones))
    dark = [(np.asarray(Image.open(io.BytesIO(png)).convert('L')) < 20).sum() for png in (plain, outlined)]
    assert dark[1] > dark[0] + 4 * 25 * 10
