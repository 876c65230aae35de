"""Maps of rasters on a server: the whole way of the command, and what is written of their addresses."""

import filecmp
import json
import re

import numpy as np
import pytest
from map_support import StubModel
from raster_support import noise, write_raster
from remote_support import serving
from tiny_export import written
from tool_support import heard

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.files.address import as_path
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap, predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.raster import remote


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(remote, 'PATIENCE', [0.01] * 4)
    monkeypatch.setattr(remote, 'FRESH', 0.0)
    monkeypatch.setitem(remote.HTTP, 'GDAL_HTTP_RETRY_DELAY', '0.01')


@pytest.fixture
def server(tmp_path):
    (tmp_path / 'served').mkdir()
    with serving(tmp_path / 'served') as files:
        yield files


@pytest.fixture
def raster(server):
    return write_raster(server.folder / 'ortho.tif', noise(3, (150, 130)), nodata=0)


def all_bytes(folder):
    return b''.join(path.read_bytes() for path in folder.rglob('*') if path.is_file())


def test_the_command_makes_of_an_address_the_map_of_the_file(server, raster, tmp_path):
    network = written(tmp_path, name='tiny')
    server.behave(faults=[('GET', 503)])
    for words, out in ((raster, 'near'), (f'{server.url("ortho.tif")}?sig=KEY', 'far')):
        ran = heard('predict_raster', *network, words, '--out', tmp_path / out, '--window', 32, '--device', 'cpu')
        assert (ran.returncode, ran.stdout) == (0, f'1 map in {tmp_path / out}\n')
    assert '1 raster on servers: in ranges' in ran.stderr
    assert f'asked again where servers failed: {server.host}: HTTP 503 (1 times)' in ran.stderr
    maps = [tmp_path / out / 'ortho_classes.tif' for out in ('near', 'far')]
    assert filecmp.cmp(*maps, shallow=False)
    assert b'KEY' not in all_bytes(tmp_path / 'far') + (ran.stdout + ran.stderr).encode()


@pytest.mark.parametrize('name', ['gone.tif', 'closed.tif', 'page.tif'])
def test_a_bad_address_is_one_line_and_leaves_the_others_their_maps(server, raster, tmp_path, name):
    server.behave(codes={'closed.tif': 403})
    (server.folder / 'page.tif').write_text('sign in' * 1000)
    network = written(tmp_path, name='tiny')
    words = [f'{server.url(one)}?sig=KEY' for one in ('ortho.tif', name)]
    ran = heard('predict_raster', *network, *words, '--out', tmp_path / 'out', '--window', 32, '--device', 'cpu')
    assert ran.returncode == 2 and (tmp_path / 'out' / 'ortho_classes.tif').is_file()
    assert re.search(rf'failed: \S+/{name} .*\n', ran.stderr) and 'KEY' not in ran.stderr
    assert ran.stderr.endswith(
        f'1 of 2 rasters failed, see above: {name}; the maps of the others are in {tmp_path / "out"}\n'
    )


def test_other_tools_take_addresses(server, raster, tmp_path):
    predict_raster(StubModel(), raster, server.folder / 'map.tif', MapSettings(window=32))
    near, far = (heard('area', name) for name in (server.folder / 'map.tif', f'{server.url("map.tif")}?sig=KEY'))
    assert far.returncode == 0 and far.stdout.splitlines()[2:-1] == near.stdout.splitlines()[2:-1]
    ran = heard('polygonize', f'{server.url("map.tif")}?sig=KEY', tmp_path / 'out.gpkg')
    assert ran.returncode == 0 and 'KEY' not in far.stdout + far.stderr + ran.stdout + ran.stderr
    ran = heard('change', *[f'{server.url("map.tif")}?sig={number}' for number in (1, 2)])
    assert ran.returncode == 0
    with pytest.raises(SystemExit, match='2'):
        heard('area', 'hdfs://host/x.tif?sig=KEY')


def test_polygons_are_not_written_to_addresses(raster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = heard('polygonize', raster, 's3://bucket/maps.gpkg')
    assert ran.returncode == 2
    assert ran.stderr.startswith('error: s3://bucket/maps.gpkg cannot be written: name a place on this machine')
    assert not (tmp_path / 's3:').exists()


def test_a_run_goes_on_by_what_the_server_says_of_the_file(server, raster, tmp_path):
    path, settings = as_path(f'{server.url("ortho.tif")}?sig=KEY'), MapSettings(window=32)
    begun = RasterMap(StubModel(), path, tmp_path / 'a.tif', settings)
    begun.begin()
    begun.note_content()
    begun.predict(begun.missing()[:2])
    kept = json.loads((begun.journal.folder / 'plan.json').read_text())
    assert kept['raster'] == 'ortho.tif' and kept['content'][0]['sha256'].startswith('ETag ')
    assert b'KEY' not in all_bytes(tmp_path)
    on = MapSettings(window=32, resume=True)
    stub = StubModel()
    predict_raster(stub, f'{server.url("ortho.tif")}?sig=OTHER', tmp_path / 'a.tif', on)
    assert 0 < stub.count < RasterMap(StubModel(), path, tmp_path / 'b.tif', settings).blocks * 6
    predict_raster(StubModel(), raster, tmp_path / 'near.tif', settings)
    assert filecmp.cmp(tmp_path / 'a.tif', tmp_path / 'near.tif', shallow=False)
    finished = StubModel()
    predict_raster(finished, path, tmp_path / 'a.tif', on)
    assert finished.count == 0


def test_a_file_that_was_changed_meanwhile_gives_no_map(server, raster, tmp_path):
    path, settings = as_path(server.url('ortho.tif')), MapSettings(window=32)
    begun = RasterMap(StubModel(), path, tmp_path / 'a.tif', settings)
    begun.begin()
    begun.note_content()
    begun.predict(begun.missing()[:2])
    write_raster(raster, np.flip(noise(3, (150, 130)), 1), nodata=0)
    with pytest.raises(DataError, match=r'ortho\.tif changed during the prediction \(ortho\.tif had other'):
        begun.predict(begun.missing())
        begun.complete()
    assert not (tmp_path / 'a.tif').exists()
    with pytest.raises(ConfigError, match='was begun with other settings'):
        predict_raster(StubModel(), path, tmp_path / 'a.tif', MapSettings(window=32, resume=True))
