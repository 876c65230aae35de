"""Maps that go to a bucket: complete or absent there, whatever the server does."""

import filecmp
import json
import os
import re
import signal
import threading
from argparse import Namespace

import pytest
from affine import Affine
from bucket_support import KEYS, use_bucket
from map_support import Heard, StubModel
from raster_support import noise, write_raster
from remote_support import serving
from tiny_export import written
from tool_support import heard

from mmseg_aux_hrnet.errors import ConfigError, OutputExistsError, ResourceError
from mmseg_aux_hrnet.files.address import Address
from mmseg_aux_hrnet.maps.predict.bucket import Bucket, find_bucket, map_kind
from mmseg_aux_hrnet.maps.predict.command import _Bars
from mmseg_aux_hrnet.maps.predict.many import map_paths, predict_rasters
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.raster import remote
from mmseg_aux_hrnet.raster import upload as upload_module
from mmseg_aux_hrnet.raster.upload import object_exists, remove_object, upload

WHOLE = [
    '.a_classes.tif.json', 'a_classes.qml', 'a_classes.tif', 'a_classes.tif.aux.xml',
    'a_prob.qml', 'a_prob.tif', 'a_uncertainty.qml', 'a_uncertainty.tif',
]  # fmt: skip


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(remote, 'PATIENCE', [0.01] * 4)
    monkeypatch.setattr(remote, 'FRESH', 0.0)
    monkeypatch.setitem(remote.HTTP, 'GDAL_HTTP_RETRY_DELAY', '0.01')
    monkeypatch.setitem(remote.HTTP, 'GDAL_HTTP_MAX_RETRY', '2')
    remote.troubles.clear()


@pytest.fixture
def server(tmp_path, monkeypatch):
    (tmp_path / 'served').mkdir()
    with serving(tmp_path / 'served') as files:
        use_bucket(monkeypatch, files)
        yield files


@pytest.fixture
def bucket(server, tmp_path, request):
    # A name of its own for each test, for GDAL keeps parts of what it has read.
    return Bucket(Address(f's3://bucket/{request.node.name.partition("[")[0]}'), tmp_path / 'scratch')


@pytest.fixture
def raster(tmp_path):
    return write_raster(tmp_path / 'a.tif', noise(3, (100, 90)), nodata=0)


def make(bucket, *rasters, model=None, **settings):
    """Make maps in the bucket and return what was noted."""
    listener, model = Heard(), model or StubModel()
    outs = map_paths(rasters, bucket.scratch)
    how = MapSettings(window=32, probabilities='uint8', uncertainty=True, **settings)
    failed, outside = predict_rasters(model, rasters, outs, settings=how, listener=listener, kind=map_kind(bucket))
    assert (failed, outside) == ({}, [])
    return listener.notes()


def objects(server, bucket):
    folder = server.folder / str(bucket.folder).removeprefix('s3://')
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def uploads(server):
    """Return the names of what was uploaded or removed, in order."""
    return [
        (command, name.rpartition('/')[2]) for command, name, _ in server.requests() if command in ('PUT', 'DELETE')
    ]


def test_the_command_puts_the_map_of_a_folder_into_a_bucket(server, raster, tmp_path):
    network = written(tmp_path, name='tiny')
    words = [*network, raster, '--prob', 'uint8', '--window', 32, '--device', 'cpu', '--out']
    near = heard('predict_raster', *words, tmp_path / 'near')
    far = heard('predict_raster', *words, 's3://bucket/command/', '--scratch', tmp_path / 'scratch')
    assert (near.returncode, far.returncode) == (0, 0), far.stderr
    assert far.stdout == '1 map in s3://bucket/command\n'
    scratch = next((tmp_path / 'scratch').iterdir())
    assert f'maps are made in {scratch}, then uploaded to s3://bucket/command; --resume finds' in far.stderr
    names = sorted(path.name for path in (tmp_path / 'near').iterdir())
    assert [path.name for path in sorted((server.folder / 'bucket/command').iterdir())] == names
    names.remove('.a_classes.tif.json')  # it says of a raster that was just written that it may change yet
    same = filecmp.cmpfiles(tmp_path / 'near', server.folder / 'bucket/command', names, shallow=False)
    assert sorted(same[0]) == names and not list(scratch.iterdir())
    assert not any(key in far.stdout + far.stderr for key in KEYS.values())
    again = heard('predict_raster', *words, 's3://bucket/command', '--scratch', tmp_path / 'scratch')
    assert again.returncode == 2
    assert again.stderr.endswith('s3://bucket/command/a_prob.tif exists: replace it with --overwrite\n')
    kept = heard('predict_raster', *words, 's3://bucket/command', '--scratch', tmp_path / 'scratch', '--resume')
    assert kept.returncode == 0 and 's3://bucket/command/a_classes.tif is finished' in kept.stderr


def test_the_class_map_comes_last_and_goes_first(server, bucket, raster):
    make(bucket, raster)
    assert objects(server, bucket) == WHOLE
    done = uploads(server)
    assert done[-1] == ('PUT', 'a_classes.tif') and len(done) == len(WHOLE)
    (server.folder / 'bucket' / bucket.folder.name / 'a_prob.tif.aux.xml').write_text('statistics of the old map')
    make(bucket, raster, overwrite=True)
    done = uploads(server)
    assert done[0] == ('DELETE', 'a_classes.tif') and done[-1] == ('PUT', 'a_classes.tif')
    assert ('DELETE', 'a_prob.tif.aux.xml') in done and objects(server, bucket) == WHOLE


@pytest.mark.parametrize('fault', [403, 503, 'dropped'])
@pytest.mark.parametrize('name', ['a_prob.tif', 'a_classes.tif'])
def test_an_upload_that_fails_leaves_no_map_and_resume_only_uploads(server, bucket, raster, fault, name):
    server.behave(faults=[(f'PUT bucket/{bucket.folder.name}/{name}', fault)] * 15)
    with pytest.raises(
        ResourceError, match=rf'{name} cannot be written .* the map waits in .*: --resume only'
    ) as raised:
        make(bucket, raster)
    assert not any(key in str(raised.value) for key in KEYS.values())
    assert 'a_classes.tif' not in objects(server, bucket) and name not in objects(server, bucket)
    server.behave(faults=[])
    with pytest.raises(OutputExistsError, match='waits to be uploaded: give --resume|exists: replace it'):
        make(bucket, raster)
    model = StubModel()
    assert make(bucket, raster, model=model, resume=True) == [f'{bucket.folder}/a_classes.tif is finished']
    assert model.count == 0 and objects(server, bucket) == WHOLE and not list(bucket.scratch.iterdir())


def test_a_server_that_fails_now_and_then_is_asked_again_and_named(server, bucket, raster):
    server.behave(faults=[('PUT', 503), ('PUT', 'dropped')])
    make(bucket, raster)
    told = remote.trouble_note()
    assert 'HTTP 503 (1 times)' in told and 'bucket: uploads that were cut or refused (1 times)' in told
    assert objects(server, bucket) == WHOLE


def test_resume_keeps_what_is_there_and_makes_the_rest(server, bucket, raster, tmp_path):
    make(bucket, raster)
    other = write_raster(tmp_path / 'b.tif', noise(3, (40, 40), seed=1), nodata=0)
    model = StubModel()
    notes = make(bucket, raster, other, model=model, resume=True)
    assert f'{bucket.folder}/a_classes.tif is finished' in notes
    assert 0 < model.count < 10 and 'b_classes.tif' in objects(server, bucket)
    record = server.folder / 'bucket' / bucket.folder.name / '.a_classes.tif.json'
    record.write_text(json.dumps({**json.loads(record.read_text()), 'window': [64, 64]}))
    with pytest.raises(OutputExistsError, match=r'a_classes\.tif, which was made with other settings, exists: replace'):
        make(bucket, raster, resume=True)


def test_the_maps_of_a_mosaic_go_to_a_bucket(server, tmp_path):
    (tmp_path / 'in').mkdir()
    for name, column in (('a', 0), ('b', 40)):
        transform = Affine(0.5, 0, 500000 + column / 2, 0, -0.5, 5000000)
        write_raster(tmp_path / 'in' / f'{name}.tif', noise(3, (40, 40)), crs='EPSG:25832', transform=transform)
    words = [*written(tmp_path, name='tiny'), tmp_path / 'in', '--mosaic', '--window', 32, '--device', 'cpu', '--out']
    ran = heard('predict_raster', *words, 's3://bucket/mosaic', '--scratch', tmp_path / 'scratch')
    assert (ran.returncode, ran.stdout) == (0, '2 maps in s3://bucket/mosaic\n'), ran.stderr
    ends = ('.qml', '.tif', '.tif.aux.xml')
    names = ['.a_classes.tif.json', *(f'{name}_classes{end}' for name in 'ab' for end in ends)]
    assert sorted(path.name for path in (server.folder / 'bucket/mosaic').iterdir()) == names


@pytest.mark.parametrize('fault', [403, 'dropped'])
def test_a_large_file_that_is_cut_between_its_parts_is_not_there(server, bucket, tmp_path, monkeypatch, fault):
    monkeypatch.setenv('VSIS3_CHUNK_SIZE', '5')  # MB, the least
    file, target = tmp_path / 'large', bucket.place(tmp_path / 'large')
    file.write_bytes(os.urandom(11 * 2**20))
    part = f'PUT bucket/{bucket.folder.name}/large'
    server.behave(faults=[(part, None), (part, fault)] * 5)  # the first part arrives, each time
    with pytest.raises(ResourceError, match='large cannot be written'):
        upload(file, target)
    assert not object_exists(target)
    asked = [command for command, *_ in server.requests()]
    assert asked.count('PUT') == 10 and asked.count('DELETE') == 5, 'the parts are removed'
    server.behave(faults=[])
    upload(file, target)
    assert (server.folder / 'bucket' / bucket.folder.name / 'large').read_bytes() == file.read_bytes()
    remove_object(target)
    assert not object_exists(target)
    remove_object(target)


@pytest.mark.parametrize('scheme', ['s3', 'gs', 'az'])
@pytest.mark.parametrize('size', [1000, 11 * 2**20])
def test_objects_of_all_services_are_whole_or_absent(server, tmp_path, monkeypatch, scheme, size):
    monkeypatch.setenv('VSIS3_CHUNK_SIZE', '5')
    monkeypatch.setenv('VSIGS_CHUNK_SIZE', '5')
    monkeypatch.setattr('mmseg_aux_hrnet.raster.upload.BLOCK', 5 * 2**20)
    file, target = tmp_path / 'file', Address(f'{scheme}://bucket/{scheme}/{size}')
    file.write_bytes(os.urandom(size))
    parts = 1 if size == 1000 else 3
    server.behave(faults=[*[('PUT', None)] * (parts - 1), ('PUT', 403)] * 5)
    with pytest.raises(ResourceError, match='cannot be written'):
        upload(file, target)
    assert not object_exists(target) and not (server.folder / 'bucket').exists()
    upload(file, target)
    assert (server.folder / 'bucket' / scheme / str(size)).read_bytes() == file.read_bytes()
    assert object_exists(target)


def test_ctrl_c_ends_an_upload_and_leaves_nothing(server, bucket, tmp_path, monkeypatch):
    monkeypatch.setenv('VSIS3_CHUNK_SIZE', '5')
    file, target = tmp_path / 'large', bucket.place(tmp_path / 'large')
    file.write_bytes(bytes(11 * 2**20))
    server.behave(latency=0.1)
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        upload(file, target)
    server.behave(latency=0)
    assert not object_exists(target)


def test_a_bucket_without_rights_is_told_before_the_work(server, raster, tmp_path):
    words = [*written(tmp_path, name='tiny'), raster, '--device', 'cpu', '--scratch', tmp_path, '--out']
    server.behave(faults=[('PUT', 403)] * 9)
    ran = heard('predict_raster', *words, 's3://bucket/closed')
    assert ran.returncode == 2 and re.search(
        r's3://bucket/closed/\.may-be-written\.\w+ cannot be written \(', ran.stderr
    )
    assert ran.stderr.count('\n') == 1 and not (server.folder / 'bucket').exists()


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        ({'out': 'https://host/maps'}, 'https://host/maps cannot be written: name a place on this machine'),
        ({'out': 'adls://box/maps'}, 'adls://box/maps cannot be written: name a place'),
        ({'out': 'maps', 'scratch': 'there'}, '--scratch there is for maps that go to a bucket'),
    ],
)
def test_what_cannot_go_to_a_bucket_is_refused(words, said):
    with pytest.raises(ConfigError) as raised:
        find_bucket(Namespace(**{'scratch': None, **words}))
    assert str(raised.value).startswith(said)


def test_of_each_address_there_is_one_scratch_folder(monkeypatch):
    found = [
        find_bucket(Namespace(out=out, scratch=None)) for out in ('s3://a/b', 's3:/a/b/', '/vsis3/a/b', 'gs://a/b')
    ]
    assert found[0].scratch == found[1].scratch and len({one.scratch for one in found}) == 3
    monkeypatch.setenv('WORLD_SIZE', '4')
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '2')
    with pytest.raises(ConfigError, match='give a --scratch that all of them see'):
        find_bucket(Namespace(out='s3://a/b', scratch=None))


def test_a_map_does_not_replace_its_raster(bucket):
    with pytest.raises(ConfigError, match=r'would overwrite the raster s3://bucket/\w+/x_classes\.tif'):
        rasters = [Address(f'{bucket.folder}/{name}') for name in ('x.tif', 'x_classes.tif')]
        bucket.check(rasters, map_paths(rasters, bucket.scratch))


@pytest.mark.parametrize('scheme', ['s3', 'az'])
def test_it_is_told_how_an_upload_goes(server, tmp_path, monkeypatch, scheme):
    monkeypatch.setattr(upload_module, 'BLOCK', 2**20)
    size, told = 3 * 2**20 + 5, []
    (tmp_path / 'large').write_bytes(bytes(size))
    target = Address(f'{scheme}://bucket/told/large')
    upload(tmp_path / 'large', target, on_bytes=lambda *words: told.append(words))
    assert {(name, whole) for name, _, whole in told} == {(target, size)}
    sent = [done for _, done, _ in told]
    assert len(sent) > 3 and sent == sorted(sent) and sent[-2] < sent[-1] == size


def test_only_large_files_have_a_bar(tmp_path):
    bars, target = _Bars(), Address('s3://bucket/a_prob.tif')
    bars.on_bytes(target, 10**6, 49 * 10**6)
    assert len(bars.shown.tasks) == 1
    bars.on_bytes(target, 30 * 10**6, 60 * 10**6)
    task = bars.shown.tasks[1]
    assert (task.description, task.completed, task.total, task.visible) == ('upload of a_prob.tif, MB', 30, 60, True)
    bars.on_bytes(target, 60 * 10**6, 60 * 10**6)
    assert len(bars.shown.tasks) == 2 and not task.visible
