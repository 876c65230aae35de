import ctypes.util
from types import SimpleNamespace

import pytest

from mmseg_aux_hrnet.errors import StackError
from mmseg_aux_hrnet.raster import gdal_files


def test_on_windows_gdal_is_the_file_that_pip_puts_beside_rasterio(tmp_path, monkeypatch):
    for name in ('rasterio/_base.pyd', 'rasterio.libs/geos_c-1.dll', 'rasterio.libs/gdal-2f1c.dll'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    module = SimpleNamespace(__file__=str(tmp_path / 'rasterio/_base.pyd'))
    monkeypatch.setattr(gdal_files, 'rasterio', SimpleNamespace(_base=module))
    monkeypatch.setattr(gdal_files.sys, 'platform', 'win32')
    assert gdal_files._file_of_gdal() == str(tmp_path / 'rasterio.libs/gdal-2f1c.dll')


def test_a_gdal_that_is_not_found_is_told_in_a_line(monkeypatch):
    monkeypatch.setattr(gdal_files, '_file_of_gdal', lambda: ctypes.util.find_library('c'))
    with pytest.raises(StackError, match='the GDAL of .*rasterio is not found, by which addresses are read'):
        gdal_files.library.__wrapped__()
