import numpy as np
import pytest
from areas_support import draw_classes, write_map
from raster_support import write_raster
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import ConfigError, DataError, RasterError
from mmseg_aux_hrnet.maps.class_map.reading import BLOCK, open_class_map

TILED = {'tiled': True, 'blockxsize': 256, 'blockysize': 256}


def refusal(path, *, classes=None, error=DataError):
    with pytest.raises(error) as caught, open_class_map(path, classes=classes) as class_map:
        class_map.crs()
        for window in class_map.blocks():
            class_map.read(window)
    return str(caught.value)


@pytest.mark.parametrize(
    ('size', 'options'),
    [((1, 1), {}), ((1, 3000), {}), ((3000, 1), {}), ((BLOCK + 1, 300), TILED), ((300, 2 * BLOCK + 7), TILED)],
)
def test_blocks_cover_every_pixel_once(tmp_path, size, options):
    values = draw_classes(size, nodata=0.1)
    path = write_map(tmp_path / 'map.tif', values, **options)
    seen, found = np.zeros(size, int), np.zeros(size, np.uint8)
    with open_class_map(path) as class_map:
        for window in class_map.blocks():
            assert window.width * window.height <= (BLOCK + 256) ** 2
            seen[window.toslices()] += 1
            found[window.toslices()] = class_map.read(window)
    assert (seen == 1).all()
    np.testing.assert_array_equal(found, values)


def test_a_declared_nodata_value_and_a_mask_are_no_data(tmp_path):
    values = draw_classes((8, 8), classes=3)
    zero = write_map(tmp_path / 'zero.tif', values, names=('a', 'b', 'c'), nodata=0)
    mask = np.arange(64).reshape(8, 8) % 2 == 0
    masked = write_map(tmp_path / 'masked.tif', values, names=('a', 'b', 'c'), nodata=None, mask=mask)
    for path, valid in ((zero, values != 0), (masked, mask)):
        with open_class_map(path) as class_map:
            np.testing.assert_array_equal(class_map.read(Window(0, 0, 8, 8)), np.where(valid, values, 255))


def test_names_of_the_command_line(tmp_path):
    path = write_map(tmp_path / 'map.tif', draw_classes((4, 4)), names=())
    with open_class_map(path, classes=['x', 'y']) as class_map:
        assert class_map.legend.names == ('x', 'y')
    assert 'give --classes' in refusal(path, error=ConfigError)


@pytest.mark.parametrize(('shape', 'kind'), [((3, 4, 4), 'uint8'), ((4, 4), 'uint16'), ((4, 4), 'float32')])
def test_other_rasters_are_no_class_maps(tmp_path, shape, kind):
    path = write_raster(tmp_path / 'image.tif', np.zeros(shape, kind))
    bands = '1 band' if len(shape) == 2 else '3 bands'
    assert f'is not a class map: it has {bands} of {kind}' in refusal(path)


def test_value_that_is_no_class(tmp_path):
    values = draw_classes((4, 4))
    values[2, 1] = 7
    said = refusal(write_map(tmp_path / 'map.tif', values))
    assert 'pixels of value 7, and its classes are 0 to 1 (other, green): name all classes' in said
    values[2, 1] = 255
    assert 'gdal_edit.py -a_nodata 255' in refusal(write_map(tmp_path / 'map.tif', values, nodata=None))


def test_map_without_place(tmp_path):
    values = draw_classes((4, 4))
    assert 'areas cannot be given: set it with' in refusal(write_map(tmp_path / 'map.tif', values, crs=None))
    assert 'no place in it' in refusal(write_map(tmp_path / 'map.tif', values, transform=None))


def test_truncated_and_missing_files(tmp_path):
    path = write_map(tmp_path / 'map.tif', draw_classes((600, 600)), compress='deflate', **TILED)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 'map.tif' in refusal(path, error=RasterError)
    assert 'cannot be read' in refusal(tmp_path / 'none.tif', error=RasterError)
    (tmp_path / 'text.tif').write_text('no raster')
    assert 'cannot be opened as a raster' in refusal(tmp_path / 'text.tif', error=RasterError)
