import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from raster_support import METRE, noise, write_raster
from rasterio._env import del_gdal_config
from rasterio.control import GroundControlPoint
from rasterio.env import PROJDataFinder
from rasterio.errors import RasterioError
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import RasterError, StackError
from mmseg_aux_hrnet.raster import dataset
from mmseg_aux_hrnet.raster.dataset import GDAL_ERRORS, open_dataset
from mmseg_aux_hrnet.raster.source import open_source

PLACED = Path(__file__).parents[1] / 'data' / 'written_by_486f072' / 'map' / 'ortho.tif'  # WGS 84 / UTM 33N
TILED = {'tiled': True, 'blockxsize': 16, 'blockysize': 16, 'compress': 'deflate'}


def read_whole(path):
    with open_source(path) as source:
        return source.read(Window(0, 0, source.width, source.height))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (None, 'No such file'),
        (b'', 'is empty'),
        (b'hello', 'not recognized'),
        (b'II*\0\x08\0\0\0', 'cannot be opened'),
        (b'<VRTDataset rasterXSi', 'cannot be opened'),
        (b'<VRTDataset rasterXSize="0" rasterYSize="2"><VRTRasterBand dataType="Byte"/></VRTDataset>', '0 x 2'),
        (b'<VRTDataset rasterXSize="2" rasterYSize="2"/>', 'cannot be opened'),
    ],
)
def test_what_is_no_raster_is_one_line_with_the_file(tmp_path, content, message):
    path = tmp_path / 'image.tif'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RasterError, match=rf'image\.tif .*{message}') as caught:
        read_whole(path)
    assert '\n' not in str(caught.value)


def test_folder_is_refused(tmp_path):
    with pytest.raises(RasterError, match='is a folder: name one raster in it'), open_dataset(tmp_path):
        pass


@pytest.mark.skipif(
    not hasattr(os, 'geteuid') or os.geteuid() == 0, reason='needs a plain user: run the tests as another than root'
)
def test_file_without_rights_is_refused(tmp_path):
    path = write_raster(tmp_path / 'image.tif', noise())
    path.chmod(0)
    with pytest.raises(RasterError, match='Permission denied'):
        read_whole(path)


@pytest.mark.parametrize('damage', ['cut off', 'overwritten'])
def test_damaged_tiles_are_named_by_rows_and_the_others_are_read(tmp_path, damage):
    values = noise(3, (64, 16))
    path = tmp_path / 'image.tif'
    rasterio.shutil.copy(write_raster(tmp_path / 'other.tif', values), path, driver='GTiff', **TILED)  # directory first
    with rasterio.open(path) as raster:
        start = int(raster.get_tag_item('BLOCK_OFFSET_0_3', 'TIFF', bidx=1))
    content = path.read_bytes()
    path.write_bytes(content[: start + 9] if damage == 'cut off' else content[:start] + bytes(len(content) - start))
    with open_source(path) as source:
        assert (source.read(Window(0, 0, 16, 16)).image == np.moveaxis(values[:, :16], 0, -1)).all()
        with pytest.raises(RasterError, match=r'image\.tif, rows 48 to 63 \(from 0\), cannot be read \(.+\)') as caught:
            source.read(Window(0, 48, 16, 16))
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(('driver', 'share'), [('PNG', 0.5), ('JPEG', 0.5), ('JPEG', 0.95), ('PNG', 0.95)])
def test_truncated_pictures_are_seen(tmp_path, driver, share):
    path = tmp_path / 'picture'
    with rasterio.open(path, 'w', driver=driver, width=60, height=50, count=3, dtype='uint8') as picture:
        picture.write(noise(3, (50, 60)))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(RasterError, match='rows 0 to 49'):
        read_whole(path)


def test_virtual_raster_whose_file_is_gone_names_that_file(tmp_path):
    band = (
        '<VRTRasterBand dataType="Byte" band="{}"><ColorInterp>{}</ColorInterp><SimpleSource>'
        '<SourceFilename relativeToVRT="1">gone.tif</SourceFilename></SimpleSource></VRTRasterBand>'
    )
    bands = ''.join(band.format(i, name) for i, name in enumerate(('Red', 'Green', 'Blue'), start=1))
    path = tmp_path / 'mosaic.vrt'
    path.write_text(f'<VRTDataset rasterXSize="4" rasterYSize="4">{bands}</VRTDataset>', encoding='utf-8')
    with pytest.raises(RasterError, match=r'mosaic\.vrt.*gone\.tif.*one of its files'):
        read_whole(path)


def test_complex_values_are_refused(tmp_path):
    with pytest.raises(RasterError, match='complex64'):
        read_whole(write_raster(tmp_path / 'radar.tif', noise().astype('complex64')))


def test_ground_control_points_are_no_grid(tmp_path):
    path = tmp_path / 'scan.tif'
    points = [GroundControlPoint(row, col, 10 + col, 50 - row) for row, col in ((0, 0), (0, 9), (9, 0))]
    with rasterio.open(path, 'w', driver='GTiff', width=10, height=10, count=3, dtype='uint8') as raster:
        raster.gcps = (points, rasterio.CRS.from_epsg(4326))
    with pytest.raises(RasterError, match='3 ground control points.*gdalwarp'):
        read_whole(path)


def test_a_copy_that_fails_raises_what_has_no_public_name(tmp_path):
    source = write_raster(tmp_path / 'a.tif', noise())
    with pytest.raises(GDAL_ERRORS) as caught:
        rasterio.shutil.copy(source, tmp_path / 'no folder' / 'b.tif', driver='COG')
    # Once this holds, rasterio has moved its private name, or given it a public parent: then GDAL_ERRORS is shorter.
    assert not isinstance(caught.value, RasterioError)


OPEN = """
import sys, types
sys.modules['mmseg_aux_hrnet'] = types.ModuleType('mmseg_aux_hrnet')  # whose __init__ would load torch
sys.modules['mmseg_aux_hrnet'].__path__ = [sys.argv[2]]
from mmseg_aux_hrnet.raster.dataset import open_dataset
with open_dataset(__import__('pathlib').Path(sys.argv[1])) as opened:
    print(opened.crs.to_epsg())
"""


@pytest.mark.skipif(PROJDataFinder().search_wheel() is None, reason='needs the database in the wheel of rasterio')
def test_a_foreign_database_of_proj_is_named_and_that_of_rasterio_taken(tmp_path):
    # In a process of its own: what PROJ has found once it does not look for again.
    command = [sys.executable, '-c', OPEN, str(PLACED), str(Path(dataset.__file__).parents[1])]
    environment = {**os.environ, 'PROJ_LIB': str(tmp_path), 'PROJ_DATA': ''}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == '32633\n'
    assert f'PROJ_LIB={tmp_path} is not a database of this PROJ' in done.stderr


def test_without_a_database_of_proj_nothing_is_opened(monkeypatch):
    monkeypatch.setattr(dataset, 'PROJDataFinder', lambda: Mock(search_wheel=lambda: None))
    monkeypatch.setattr(dataset, '_knows_systems', lambda: False)
    dataset._check_proj.cache_clear()
    with pytest.raises(StackError, match='Unset PROJ_DATA and PROJ_LIB'), open_dataset(PLACED):
        pass


@pytest.mark.parametrize(
    'variable',
    [
        {'GDAL_DISABLE_READDIR_ON_OPEN': 'EMPTY_DIR'},
        {'GDAL_PAM_ENABLED': 'NO'},
        {'GDAL_GEOREF_SOURCES': 'NONE'},
        {'GTIFF_POINT_GEO_IGNORE': 'YES'},
    ],
)
def test_variables_of_gdal_take_no_mask_no_nodata_and_no_place_away(tmp_path, variable, monkeypatch):
    masked, beside = tmp_path / 'masked.tif', tmp_path / 'beside.png'
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        write_raster(masked, noise(), mask=np.arange(30) % 2 * np.ones((20, 1)) > 0, tags={'AREA_OR_POINT': 'Point'})
    with rasterio.open(beside, 'w', driver='PNG', height=20, width=30, count=3, dtype='uint8', nodata=7) as picture:
        picture.write(noise())
    (tmp_path / 'beside.pgw').write_text('2\n0\n0\n-2\n101\n199\n')
    ((name, value),) = variable.items()
    monkeypatch.setenv(name, value)
    try:
        for path in (masked, beside):
            with open_dataset(path) as found:
                assert found.transform == (METRE if path == masked else Affine(2, 0, 100, 0, -2, 200))
                assert found.read_masks(1)[0].tolist() == ([0, 255] * 15 if path == masked else [255] * 30)
                assert found.nodata == (None if path == masked else 7)
    finally:
        del_gdal_config(name)  # Env has put back, as a setting of GDAL, what it found in the variable


@pytest.mark.skipif(os.name == 'nt', reason='needs names with a colon: run the tests on Linux or macOS')
@pytest.mark.parametrize('name', ['http:x.tif', 'GTIFF_DIR:1:x.tif', 'DERIVED_SUBDATASET:LOGAMPLITUDE:x.tif'])
def test_a_raster_is_read_where_it_is_named(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_raster(Path('x.tif'), np.full((3, 4, 4), 9, np.uint8))  # what GDAL would read of the last
    Path('x.tif').rename(Path('y.tif'))
    write_raster(Path('x.tif'), np.full((3, 4, 4), 1, np.uint8))
    Path('y.tif').rename(Path(name))
    assert (read_whole(Path(name)).image == 9).all()
