"""Class maps of a folder or a VRT are one: each place counts once, and a polygon goes across files."""

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from raster_support import METRE, write_raster
from rasterio.windows import Window
from tool_support import heard

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.maps import polygonize, zonal_area
from mmseg_aux_hrnet.maps.class_map.reading import open_class_map
from mmseg_aux_hrnet.maps.legend import legend_tags
from mmseg_aux_hrnet.raster.inputs import find_rasters

LEGEND = Classes(('ground', 'green'), ((0, 0, 0), (0, 128, 0)), 1)
PLACES = [(0, 0, 30, 33), (5, 28, 31, 20), (33, 3, 9, 40)]  # row, column, height, width


def write_map(path, values, *, place=(0, 0), legend=LEGEND, transform=METRE, **options):
    """Write a class map at a row and column."""
    transform = transform @ Affine.translation(place[1], place[0])
    write_raster(path, values, transform=transform, nodata=255, tags=legend_tags(legend), **options)
    with rasterio.open(path, 'r+') as written:
        written.write_colormap(1, {index: (*colour, 255) for index, colour in enumerate(legend.palette)})
    return path


@pytest.fixture
def ground():
    """Return classes of a whole ground, with blobs that go across the borders of the parts; uint8 (42, 48)."""
    values = np.full((42, 48), 255, np.uint8)
    rows, columns = np.mgrid[:42, :48]
    for row, column, height, width in PLACES:
        part = slice(row, row + height), slice(column, column + width)
        values[part] = (np.sin(rows / 5) * np.cos(columns / 7) > 0)[part]
    return values


@pytest.fixture
def folder(tmp_path, ground):
    """Return a folder of maps of that ground, which overlap, with a map of probabilities and a picture beside them."""
    path = tmp_path / 'maps'
    path.mkdir()
    for name, (row, column, height, width) in zip('abc', PLACES, strict=True):
        values = ground[row : row + height, column : column + width]
        write_map(path / f'{name}_classes.tif', values, place=(row, column))
    write_raster(path / 'a_prob.tif', ground[:30, :33], tags={'RUN_SHA256': '1'})
    write_raster(path / 'photo.tif', np.zeros((3, 9, 9), np.uint8))
    return path


def test_a_folder_reads_as_the_ground_of_all_its_maps(folder, ground):
    with open_class_map(folder) as opened:
        assert opened.legend == LEGEND
        assert opened.transform == METRE
        np.testing.assert_array_equal(opened.read(Window(0, 0, 48, 42)), ground)


def test_each_place_counts_once(folder, ground):
    areas = zonal_area(folder)
    assert areas.whole.tolist() == [np.sum(ground == value) for value in (0, 1, 255)]
    one = zonal_area(write_map(folder.parent / 'one.tif', ground))
    np.testing.assert_array_equal(areas.whole, one.whole)


def test_a_polygon_across_files_is_one(folder, ground, tmp_path):
    polygonize(folder, tmp_path / 'many.gpkg')
    polygonize(write_map(tmp_path / 'one.tif', ground), tmp_path / 'one.gpkg')
    many, one = (
        shapely.from_wkb(pyogrio.raw.read(tmp_path / f'{name}.gpkg', layer=name)[2]) for name in ('many', 'one')
    )
    assert len(many) == len(one) > 2
    assert all(shapely.equals(many, one))


def test_a_vrt_over_maps_knows_their_legend(folder, ground, tmp_path):
    one = tmp_path / 'all.vrt'
    sources = ''.join(
        f'<ComplexSource><SourceFilename relativeToVRT="1">maps/{name}_classes.tif</SourceFilename>'
        f'<SourceBand>1</SourceBand><SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>'
        f'<DstRect xOff="{column}" yOff="{row}" xSize="{width}" ySize="{height}"/><NODATA>255</NODATA></ComplexSource>'
        for name, (row, column, height, width) in zip('abc', PLACES, strict=True)
    )
    one.write_text(
        '<VRTDataset rasterXSize="48" rasterYSize="42"><SRS>EPSG:32633</SRS><GeoTransform>500000, 1, 0, 5800000, 0, -1'
        '</GeoTransform><VRTRasterBand dataType="Byte" band="1"><NoDataValue>255</NoDataValue>'
        f'{sources}</VRTRasterBand></VRTDataset>'
    )
    with open_class_map(one) as opened:
        assert opened.legend == LEGEND
        np.testing.assert_array_equal(opened.read(Window(0, 0, 48, 42)), ground)
    assert zonal_area(one).whole.tolist() == zonal_area(folder).whole.tolist()


def test_where_maps_differ_the_last_by_name_that_has_data_counts(tmp_path):
    write_map(tmp_path / 'a.tif', np.zeros((4, 4), np.uint8))
    write_map(tmp_path / 'b.tif', np.array([[1, 255]] * 2, np.uint8), place=(1, 1))
    with open_class_map(tmp_path) as opened:
        assert opened.read(Window(0, 1, 4, 1)).tolist() == [[0, 1, 0, 0]]


def test_the_tools_take_a_folder(folder, tmp_path):
    result = heard('area', folder, '--out', tmp_path / 'areas.csv', '--quicklook', tmp_path / 'map.png')
    assert (result.returncode, result.stderr) == (0, '')
    assert f'{folder}: areas' in result.stdout
    result = heard('polygonize', folder, tmp_path / 'green.gpkg')
    assert (result.returncode, result.stderr) == (0, '')
    assert 'of green' in result.stdout


BAD = {
    'other classes': (
        {'legend': Classes(('ground', 'trees'), LEGEND.palette)},
        ConfigError,
        r'b\.tif has other classes \(ground, trees\) than .*a\.tif \(ground, green\): only maps of one legend',
    ),
    'other colours': ({'legend': Classes(LEGEND.names, ((1, 1, 1), (2, 2, 2)))}, ConfigError, 'has other colours'),
    'other pixels': ({'transform': METRE @ Affine.scale(2)}, DataError, r'pixels differ \(1 x 1 and 2 x 2 map units\)'),
    'another system': ({'crs': 'EPSG:25833'}, DataError, 'reference systems differ .* gdalwarp -r near'),
}


@pytest.mark.parametrize(('other', 'error', 'what'), BAD.values(), ids=BAD)
def test_maps_that_are_not_one_are_refused(tmp_path, other, error, what):
    write_map(tmp_path / 'a.tif', np.zeros((4, 4), np.uint8))
    write_map(tmp_path / 'b.tif', np.zeros((4, 4), np.uint8), place=(0, 4), **other)
    with pytest.raises(error, match=what), open_class_map(tmp_path):
        pass


def test_a_folder_without_class_maps_is_refused(tmp_path):
    write_raster(tmp_path / 'photo.tif', np.zeros((3, 9, 9), np.uint8))
    with pytest.raises(DataError, match='holds no class map that names its classes'), open_class_map(tmp_path):
        pass
    write_raster(tmp_path / 'bare.tif', np.ones((9, 9), np.uint8))
    assert zonal_area(tmp_path, classes=['ground', 'green']).whole.tolist() == [0, 81, 0]


def test_rasters_come_in_the_order_in_which_they_are_named_where_that_counts(tmp_path):
    for name in 'abc':
        write_raster(tmp_path / f'{name}.tif', np.zeros((3, 4, 4), np.uint8))
    named = [str(tmp_path / 'c.tif'), str(tmp_path), str(tmp_path / 'a.tif')]
    assert [path.stem for path in find_rasters(named)] == ['a', 'b', 'c']
    assert [path.stem for path in find_rasters(named, as_named=True)] == ['b', 'c', 'a']
