"""The content of the files of a raster: what counts, and what does not."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from raster_support import noise, write_raster

from mmseg_aux_hrnet.raster import content
from mmseg_aux_hrnet.raster.content import raster_files, read_content, unlike_files

LOOKED_AT = (
    '<PAMDataset><PAMRasterBand band="1"><Metadata><MDI key="STATISTICS_MEAN">9</MDI></Metadata></PAMRasterBand>'
)


@pytest.fixture
def raster(tmp_path):
    return write_raster(tmp_path / 'a.tif', noise())


def names(path):
    return [file.name for file in raster_files(path)]


def test_masks_side_files_and_all_sources_belong_to_a_raster_and_overviews_do_not(raster, tmp_path):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(raster, 'r+') as opened:
        opened.write_mask(np.ones((20, 30), bool))
    (tmp_path / 'a.tif.ovr').write_bytes(b'overviews')
    rasterio.shutil.copy(raster, tmp_path / 'inner.vrt', driver='VRT')
    (tmp_path / 'outer.vrt').write_text((tmp_path / 'inner.vrt').read_text().replace('>a.tif<', '>inner.vrt<'))
    assert names(tmp_path / 'outer.vrt') == ['outer.vrt', 'inner.vrt', 'a.tif', 'a.tif.msk']


def test_a_file_that_nobody_has_touched_is_read_once(raster, monkeypatch):
    os.utime(raster, (1.7e9, 1.7e9))
    monkeypatch.setattr(content, 'SETTLED_AFTER', -1)  # as if it had lain there for long
    first = read_content(raster)
    monkeypatch.setattr(content, 'sha256_of', lambda file: pytest.fail('it was read again'))
    assert read_content(raster, earlier=first) == first


def test_a_file_that_was_written_just_now_or_is_dated_in_the_future_is_read_again(raster):
    assert [entry['stamp'] for entry in read_content(raster)] == [None]
    os.utime(raster, (4e9, 4e9))
    assert [entry['stamp'] for entry in read_content(raster)] == [None]


def test_a_copy_is_the_same_and_other_pixels_are_not(raster, tmp_path):
    first = read_content(raster)
    (tmp_path / 'staged').mkdir()
    assert unlike_files(first, read_content(Path(shutil.copy(raster, tmp_path / 'staged')))) == []
    assert unlike_files(first, read_content(write_raster(raster, noise(seed=1)))) == ['a.tif']


def test_statistics_of_a_viewer_are_no_content_and_a_nodata_value_is(raster, tmp_path):
    first, side_file = read_content(raster), tmp_path / 'a.tif.aux.xml'
    side_file.write_text(f'{LOOKED_AT}</PAMDataset>')
    assert unlike_files(first, read_content(raster)) == []
    nodata = '<PAMRasterBand band="2"><NoDataValue>9</NoDataValue></PAMRasterBand>'
    side_file.write_text(f'<PAMDataset>{nodata}</PAMDataset>')
    declared = read_content(raster)
    assert unlike_files(first, declared) == ['a.tif.aux.xml']
    side_file.write_text(f'{LOOKED_AT}\n  {nodata}</PAMDataset>')
    assert unlike_files(declared, read_content(raster)) == []


def test_sources_of_one_name_that_were_exchanged_are_told(tmp_path):
    entries = [{'name': 'a.tif', 'sha256': digest, 'stamp': None} for digest in ('1', '2')]
    assert unlike_files(entries, entries[::-1]) == ['a.tif']
    assert unlike_files(entries, entries) == []
