import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from raster_support import noise, write_raster
from rasterio.control import GroundControlPoint
from rasterio.errors import RasterioError
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import RasterError
from mmseg_aux_hrnet.maps.raster.dataset import GDAL_ERRORS
from mmseg_aux_hrnet.maps.raster.source import open_source

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
    with pytest.raises(RasterError, match='cannot be read'):
        read_whole(tmp_path)


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
    with pytest.raises(RasterError, match=r'mosaic\.vrt.*gone\.tif.*a file that it is made of'):
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


@pytest.mark.skipif(os.name == 'nt', reason='needs names with a colon: run the tests on Linux or macOS')
@pytest.mark.parametrize('name', ['http:x.tif', 'GTIFF_DIR:1:x.tif', 'DERIVED_SUBDATASET:LOGAMPLITUDE:x.tif'])
def test_a_raster_is_read_where_it_is_named(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_raster(Path('x.tif'), np.full((3, 4, 4), 9, np.uint8))  # what GDAL would read of the last
    Path('x.tif').rename(Path('y.tif'))
    write_raster(Path('x.tif'), np.full((3, 4, 4), 1, np.uint8))
    Path('y.tif').rename(Path(name))
    assert (read_whole(Path(name)).image == 9).all()
