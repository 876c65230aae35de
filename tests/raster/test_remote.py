"""Rasters on a server that fails now and then, refuses, or changes the file under us."""

import logging
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from raster_support import noise, write_raster
from rasterio.windows import Window
from remote_support import serving

from mmseg_aux_hrnet.errors import RasterError
from mmseg_aux_hrnet.files.address import as_path
from mmseg_aux_hrnet.raster import gdal_files, remote
from mmseg_aux_hrnet.raster.content import read_content, unlike_files
from mmseg_aux_hrnet.raster.dataset import open_dataset
from mmseg_aux_hrnet.raster.source import open_source


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp('served')) as files:
        yield files


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Let nobody wait, nor count what other tests have met."""
    monkeypatch.setattr(remote, 'PATIENCE', [0.01] * 4)
    monkeypatch.setattr(remote, 'FRESH', 0.0)
    monkeypatch.setitem(remote.HTTP, 'GDAL_HTTP_RETRY_DELAY', '0.01')
    monkeypatch.setitem(remote.HTTP, 'GDAL_HTTP_MAX_RETRY', '2')
    monkeypatch.setitem(remote.HTTP, 'GDAL_HTTP_TIMEOUT', '1')
    remote.troubles.clear()


@pytest.fixture
def raster(server, request):
    """A raster of its own for each test, for GDAL keeps parts of what it has read."""
    server.behave(faults=[], codes={}, latency=0, requests=[])
    name = re.sub(r'\W+', '_', request.node.name)[:80] + '.tif'
    return write_raster(server.folder / name, noise(3, (256, 512)), tiled=True, blockxsize=128, blockysize=128)


def values(path, window=None):
    with open_source(path) as source:
        return source.read(window or Window(0, 0, source.width, source.height)).image


def test_a_raster_on_a_server_reads_as_the_file_does(server, raster):
    np.testing.assert_array_equal(values(server.url(raster.name)), values(raster))
    asked = server.requests()
    assert {command for command, *_ in asked} == {'HEAD', 'GET'}
    assert all(part for command, _, part in asked if command == 'GET'), 'only ranges'


def test_of_a_large_file_few_requests_read_little(server, raster):
    size = raster.stat().st_size
    with open_source(server.url(raster.name)) as source:
        server.requests()
        source.read(Window(0, 128, 512, 64))
        asked = server.requests()
    spans = [part.removeprefix('bytes=').split('-') for _, _, part in asked]
    assert sum(int(last) - int(first) + 1 for first, last in spans) < 0.7 * size and len(asked) <= 2


def test_side_files_are_asked_for_and_found_without_a_listing(server, raster):
    mask = np.ones((256, 512), bool)
    mask[:100] = False
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(raster, 'r+') as out:
        out.write_mask(mask)
    assert Path(f'{raster}.msk').exists()
    with open_source(server.url(raster.name)) as source:
        np.testing.assert_array_equal(source.read(Window(0, 0, 512, 256)).valid, mask)
    assert all(name.rpartition('/')[2] for _, name, _ in server.requests()), 'no folder is listed'


def test_of_a_signed_address_no_side_file_is_asked_for(server, raster):
    values(f'{server.url(raster.name)}?sig=KEY')
    assert {name for _, name, _ in server.requests()} == {f'/{raster.name}?sig=KEY'}


@pytest.mark.parametrize('fault', [503, 500, 429, 'cut', 'dropped'])
@pytest.mark.parametrize('command', ['GET', 'HEAD'])
def test_what_fails_now_and_then_is_asked_for_again_and_named(server, raster, fault, command):
    server.behave(faults=[(command, fault)] * 2)
    np.testing.assert_array_equal(values(server.url(raster.name)), values(raster))
    # The headers of a cut answer are whole, and libcurl itself asks again where a server closes an old connection.
    if (command, fault) != ('HEAD', 'cut') and fault != 'dropped':
        said = remote.trouble_note()
        assert said.startswith(f'asked again where servers failed: {server.host}: ')
        assert said.endswith('times)') and (not isinstance(fault, int) or f'HTTP {fault} (2 times)' in said)
        assert remote.trouble_note() is None


def test_a_late_answer_is_not_waited_for(server, raster):
    server.behave(faults=[('GET', 'late')])
    start = time.monotonic()
    np.testing.assert_array_equal(values(server.url(raster.name)), values(raster))
    assert time.monotonic() - start < 2.9


@pytest.mark.parametrize(
    ('codes', 'said'),
    [
        (403, r'may not be read \(HTTP response code: 403\): a signed address may be too old; else .* AWS_PROFILE'),
        (401, r'may not be read \(HTTP response code: 401\)'),
        (404, r'is not there \(HTTP response code: 404\): check the address'),
        (503, r'cannot be read \(.*\): check the address and the network'),
    ],
)
def test_what_a_server_refuses_is_said_in_a_line_without_the_key(server, raster, codes, said):
    server.behave(codes={raster.name: codes})
    with pytest.raises(RasterError, match=f'^{server.url(raster.name)} {said}') as error:
        values(f'{server.url(raster.name)}?sig=KEY')
    assert 'KEY' not in str(error.value) and '\n' not in str(error.value)


def test_what_is_no_raster_is_told_at_once(server):
    (server.folder / 'page.tif').write_text('<html>sign in</html>' * 100)
    with pytest.raises(
        RasterError, match=r'page\.tif cannot be opened as a raster \(.*supported file format\)'
    ) as error:
        values(f'{server.url("page.tif")}?sig=KEY')
    assert 'KEY' not in str(error.value) and not remote.troubles


def test_where_nobody_listens(monkeypatch):
    monkeypatch.setitem(remote.HTTP, 'GDAL_HTTP_MAX_RETRY', '0')
    with pytest.raises(RasterError, match=r'^http://127.0.0.1:9/x.tif cannot be read \(the server does not answer\)'):
        values('http://127.0.0.1:9/x.tif')


def test_a_bucket_without_rights(monkeypatch):
    for name in [name for name in os.environ if name.startswith('AWS_')]:
        monkeypatch.delenv(name)
    monkeypatch.setenv('AWS_EC2_METADATA_DISABLED', 'YES')
    monkeypatch.setenv('CPL_AWS_AUTODETECT_EC2', 'NO')
    with pytest.raises(RasterError, match=r'^s3://bucket/x.tif may not be read .* AWS_NO_SIGN_REQUEST=YES'):
        values('s3://bucket/x.tif')


def test_a_file_that_is_changed_while_it_is_read_ends_the_reading(server, raster):
    with open_dataset(as_path(server.url(raster.name))) as dataset:
        dataset.read(1, window=Window(0, 0, 128, 128))
        write_raster(raster, noise(3, (256, 512), seed=1), compress='deflate', tiled=True, blockxsize=64, blockysize=64)
        with pytest.raises(RasterError, match=r'was changed while it was read \(ETag \w+, \d+ bytes, .*, now ETag'):
            for _ in range(2):  # GDAL may have the next ranges already
                gdal_files.forget(as_path(server.url(raster.name)))
                dataset.read()
                dataset._checked -= remote.CHECKED_EVERY + 1


def test_a_file_that_was_changed_before_is_read_anew(server, raster):
    values(server.url(raster.name))
    write_raster(raster, noise(3, (256, 512), seed=2), tiled=True, blockxsize=128, blockysize=128)
    np.testing.assert_array_equal(values(server.url(raster.name)), values(raster))


def test_the_content_is_told_by_the_entity_tag_and_nothing_is_downloaded(server, raster):
    path = as_path(f'{server.url(raster.name)}?sig=KEY')
    old = read_content(path)
    assert [entry['name'] for entry in old] == [raster.name] and 'KEY' not in str(old)
    assert sum(command == 'GET' for command, *_ in server.requests()) <= 2, 'the header'
    assert unlike_files(old, read_content(path)) == []
    raster.write_bytes(raster.read_bytes() + b' ')
    assert unlike_files(old, read_content(path)) == [raster.name]


def test_logs_of_rasterio_hold_no_key(server, raster, caplog):
    with caplog.at_level(logging.DEBUG, 'rasterio'):
        values(f'{server.url(raster.name)}?sig=KEY')
        logging.getLogger('rasterio._env').warning('HTTP response code on %s: 0', f'{server.url("x")}?sig=KEY')
    assert 'HTTP response code on' in caplog.text and 'KEY' not in caplog.text


def test_variables_of_the_environment_count_more(monkeypatch):
    monkeypatch.setenv('GDAL_HTTP_MAX_RETRY', '9')
    settings = remote.http_settings(as_path('https://host/x.tif?signed'))
    assert 'GDAL_HTTP_MAX_RETRY' not in settings and settings['GDAL_DISABLE_READDIR_ON_OPEN'] == 'EMPTY_DIR'
