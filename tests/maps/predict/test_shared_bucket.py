"""Parts that meet in a bucket only, each on its own machine: the bytes of one process, whatever happens to them."""

import filecmp
import re
from dataclasses import replace

import pytest
from bucket_support import use_bucket
from map_support import Heard, StubModel
from raster_support import noise, write_raster
from remote_support import serving
from tiny_export import written
from tool_support import heard

from mmseg_aux_hrnet.errors import ConfigError, OutputExistsError, ResourceError
from mmseg_aux_hrnet.files.address import Address
from mmseg_aux_hrnet.maps.predict import bucket_journal
from mmseg_aux_hrnet.maps.predict.bucket import Bucket, map_kind
from mmseg_aux_hrnet.maps.predict.many import map_paths, predict_rasters
from mmseg_aux_hrnet.maps.predict.parts import PLAN, finish_parts, predict_part
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.predict.shared_map import SharedBucketMap
from mmseg_aux_hrnet.maps.predict.sharing import Part
from mmseg_aux_hrnet.raster import remote
from mmseg_aux_hrnet.raster.upload import list_objects, remove_object

SETTINGS = MapSettings(probabilities='uint8', batch_size=2)


class KilledError(BaseException):
    """What a test ends a part by."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(remote, 'PATIENCE', [0.01] * 4)
    monkeypatch.setattr(remote, 'FRESH', 0.0)
    monkeypatch.setattr(bucket_journal, 'ASKED_EVERY', 0.0)
    monkeypatch.setitem(remote.HTTP, 'GDAL_HTTP_RETRY_DELAY', '0.01')
    monkeypatch.setitem(remote.HTTP, 'GDAL_HTTP_MAX_RETRY', '2')
    remote.troubles.clear()


@pytest.fixture(scope='module')
def served(tmp_path_factory):
    """One server for all: a process takes longer to start than most of the tests."""
    with pytest.MonkeyPatch.context() as patch, serving(tmp_path_factory.mktemp('served')) as files:
        use_bucket(patch, files)
        yield files


@pytest.fixture
def server(served):
    served.behave(faults=[], codes={}, page=1000)
    return served


@pytest.fixture
def bucket(server, tmp_path, request):
    # A name of its own for each test, for GDAL keeps parts of what it has read.
    return Bucket(
        Address(f's3://bucket/{re.sub("[^a-z0-9]+", "-", request.node.name.lower())}'),
        tmp_path / 'scratch',
        shared=True,
    )


@pytest.fixture
def rasters(tmp_path):
    (tmp_path / 'in').mkdir()
    return [
        write_raster(tmp_path / 'in' / f'{name}.tif', noise(size=(50, 20), seed=seed)) for seed, name in enumerate('ab')
    ]


@pytest.fixture
def expected(rasters, tmp_path):
    """Return the bytes that one process gives, by name."""
    model, outs = StubModel(shifted=True), map_paths(rasters, tmp_path / 'one')
    assert predict_rasters(model, rasters, outs, settings=SETTINGS, listener=Heard()) == ({}, [])
    return {path.name: path.read_bytes() for path in (tmp_path / 'one').iterdir() if not path.name.startswith('.')}


def part(text, rasters, bucket, machine, *, listener=None, settings=SETTINGS):
    """Predict a part on a machine; return how many windows that took, what failed, and what lies outside."""
    model, there = StubModel(shifted=True), replace(bucket, scratch=bucket.scratch / machine)
    done = predict_part(
        model, rasters, map_paths(rasters, there.scratch), part=Part.parse(text), settings=settings,
        listener=Heard() if listener is None else listener, bucket=there,
    )  # fmt: skip
    return model.count, *done


def finish(rasters, bucket, *, settings=SETTINGS):
    there = replace(bucket, scratch=bucket.scratch / 'last')
    outs = map_paths(rasters, there.scratch)
    return finish_parts(StubModel(shifted=True), rasters, outs, settings=settings, listener=Heard(), bucket=there)


def contents(server, bucket):
    """Return what is in the folder, without the conditions of the maps; what is hidden in it counts."""
    folder = server.folder / str(bucket.folder).removeprefix('s3://')
    files = (path for path in folder.rglob('*') if path.is_file() and not path.name.endswith('_classes.tif.json'))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def blocks(server, bucket):
    return sorted(
        name.rpartition('.b')[2] for name in contents(server, bucket) if '.parts/' in name and 'block' in name
    )


@pytest.mark.parametrize('order', ['123', '312'])
def test_parts_in_any_order_give_the_bytes_of_one_process(server, bucket, rasters, expected, order):
    for number in order:
        assert part(f'{number}/3', rasters, bucket, number)[1:] == ({}, [])
    assert finish(rasters, bucket) == ({}, [], {})
    assert contents(server, bucket) == expected
    assert part('2/3', rasters, bucket, 'later')[0] == 0, 'finished maps are kept'


@pytest.mark.parametrize('uploads', [True, False])
def test_what_a_lost_machine_had_not_uploaded_is_made_by_another(
    server, bucket, rasters, expected, uploads, monkeypatch
):
    class Dying(Heard):
        def on_block(self, path):
            super().on_block(path)
            if sum(kind == 'block' for kind, _ in self) == 4:  # of two rasters that are surveyed, two blocks
                raise KilledError

    monkeypatch.setattr(bucket_journal, 'WAITING', 1 if uploads else 9)
    upload = bucket_journal.upload
    if not uploads:
        monkeypatch.setattr(
            bucket_journal, 'upload', lambda path, target: target.suffix == '.npz' or upload(path, target)
        )
    with pytest.raises(KilledError):
        part('2/2', rasters, bucket, 'lost', listener=Dying())
    monkeypatch.setattr(bucket_journal, 'upload', upload)
    there = len(blocks(server, bucket))
    assert there >= 1 if uploads else there == 0
    count = part('2/2', rasters, bucket, 'other')[0]
    part('1/2', rasters, bucket, 'first')
    assert finish(rasters, bucket) == ({}, [], {}) and contents(server, bucket) == expected
    assert count == part('2/2', rasters, replace(bucket, folder=Address(f'{bucket.folder}/new')), 'new')[0] or uploads


def test_a_part_goes_on_with_what_its_machine_still_has(server, bucket, rasters, expected):
    server.behave(faults=[('PUT', None)] * 3 + [('PUT', 403)] * 60)
    with pytest.raises(ResourceError, match=r'block_00000\d\.npz cannot be written'):
        part('1/1', rasters, bucket, 'one')
    server.behave(faults=[])
    count = part('1/1', rasters, bucket, 'one')[0]
    assert finish(rasters, bucket) == ({}, [], {}) and contents(server, bucket) == expected
    assert 0 < count < part('1/1', rasters, replace(bucket, folder=Address(f'{bucket.folder}/new')), 'new')[0]


def test_a_part_that_runs_twice_at_a_time_changes_nothing(server, bucket, rasters, expected):
    done = []

    class Doubled(Heard):
        def on_block(self, path):
            if not done:  # the others finish all while it is in its first map
                done.extend(part(text, rasters, bucket, text[0]) for text in ('1/2', '2/2'))

    part('1/2', rasters, bucket, 'late', listener=Doubled())
    assert [one[1:] for one in done] == [({}, [])] * 2
    assert finish(rasters, bucket) == ({}, [], {}) and contents(server, bucket) == expected


def test_two_that_write_a_map_at_the_same_moment_upload_the_same(server, bucket, rasters, expected, monkeypatch):
    part('1/2', rasters, bucket, 'one')
    kept, other = bucket_journal.BucketJournal.part, []

    def second(self, index, name):
        if not other:
            other.append(part('2/2', rasters, bucket, 'two'))
        return kept(self, index, name)

    monkeypatch.setattr(bucket_journal.BucketJournal, 'part', second)
    assert part('2/2', rasters, bucket, 'three')[1:] == ({}, [])
    assert other[0][1:] == ({}, [])
    assert finish(rasters, bucket) == ({}, [], {}) and contents(server, bucket) == expected


def test_a_map_that_was_not_uploaded_whole_is_uploaded_by_the_next(server, bucket, rasters, expected):
    place = f'PUT bucket/{bucket.folder.name}/a_classes.tif'
    server.behave(faults=[(place, 403)] * 5)
    with pytest.raises(
        ResourceError, match=r'a_classes\.tif cannot be written .* its rows of windows are in the bucket'
    ):
        part('1/1', rasters, bucket, 'one')
    assert len(blocks(server, bucket)) == 5 and 'a_classes.tif' not in contents(server, bucket)
    assert finish(rasters, bucket)[2] == {Part(1, 1): [1] * 5}
    assert 'a_classes.tif' in contents(server, bucket)
    assert part('1/1', rasters, bucket, 'two')[0] > 0
    assert finish(rasters, bucket) == ({}, [], {}) and contents(server, bucket) == expected


def test_other_settings_another_count_and_another_content_are_refused(server, bucket, rasters, tmp_path):
    part('1/2', rasters, bucket, 'one')
    with pytest.raises(ConfigError, match=rf'^{bucket.folder} was begun in 2 parts, .* remove {bucket.folder}/.parts'):
        part('1/3', rasters, bucket, 'two')
    with pytest.raises(ConfigError, match=r'was begun with other settings \(overlap was 0.33.*, now 0.5'):
        part('2/2', rasters, bucket, 'two', settings=replace(SETTINGS, overlap=0.5))
    part('1/4', rasters[:1], place := replace(bucket, folder=Address(f'{bucket.folder}/content')), 'one')
    copy = tmp_path / 'copy' / 'a.tif'
    copy.parent.mkdir()
    write_raster(copy, noise(size=(50, 20), seed=7))
    failed = part('2/4', [copy], place, 'two')[1]
    assert 'was begun with other settings (a.tif had other content' in failed[0]
    assert (
        len(
            {
                name.partition('.')[0]
                for name in list_objects(Address(f'{place.folder}/.a_classes.tif.parts'), last='none')
            }
        )
        == 1
    ), 'it left nothing'
    copy.write_bytes(rasters[0].read_bytes())  # at another time
    assert part('2/4', [copy], place, 'two')[1] == {}


def test_a_bucket_that_may_not_be_listed_is_told_in_one_line(server, bucket, rasters):
    server.behave(codes={'bucket': 403})
    with pytest.raises(ResourceError, match=r'\.parts cannot be listed: see whether your rights allow that'):
        part('1/2', rasters, bucket, 'one')


@pytest.mark.parametrize('scheme', ['s3', 'gs', 'az'])
def test_a_list_that_is_cut_between_its_pages_is_asked_for_again(server, bucket, scheme):
    place = bucket.folder.name, scheme
    names = {f'block_{number}' for number in range(5)} | {'plan'}
    for name in names:
        path = server.folder.joinpath('bucket', *place, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    folder = Address(f'{scheme}://bucket/{"/".join(place)}')
    server.behave(page=2, faults=[('GET', None), ('GET', 403)])
    assert list_objects(folder, last='plan') == names
    assert 'lists of folders that were cut or refused (1 times)' in remote.trouble_note()
    server.behave(faults=[('GET', None), ('GET', 403), ('GET', None)] * 5)
    with pytest.raises(ResourceError, match='cannot be listed'):
        list_objects(folder, last='plan')


def test_the_settings_say_what_becomes_of_what_is_there(server, bucket, rasters, expected):
    how = {'kind': map_kind(replace(bucket, shared=False)), 'listener': Heard()}
    outs = map_paths(rasters, bucket.scratch / 'alone')
    part('1/3', rasters, bucket, 'one')
    with pytest.raises(ConfigError, match=r'a_classes\.tif\.parts holds an unfinished run: continue with --resume'):
        predict_rasters(StubModel(shifted=True), rasters, outs, settings=SETTINGS, **how)
    alone = StubModel(shifted=True)
    resumed = predict_rasters(alone, rasters, outs, settings=replace(SETTINGS, resume=True), **how)
    assert resumed == ({}, [])
    remove_object(Address(f'{bucket.folder}/{PLAN}'))
    assert contents(server, bucket) == expected
    whole = part('1/1', rasters, replace(bucket, folder=Address(f'{bucket.folder}/new')), 'new')[0]
    assert 0 < alone.count < whole


def test_what_was_made_otherwise_is_kept_and_driver_rules_hold(server, bucket, rasters):
    raster, out = rasters[0], bucket.scratch / 'a_classes.tif'

    def begin(**settings):
        model = StubModel(shifted=True)
        return SharedBucketMap(model, raster, out, replace(SETTINGS, **settings), bucket=bucket).begin()

    assert begin()
    assert begin(resume=True)
    with pytest.raises(ConfigError, match='holds an unfinished run: continue with --resume'):
        begin()
    assert begin(overwrite=True, overlap=0.5)
    with pytest.raises(ConfigError, match=r'was begun with other settings \(overlap was 0.5, now 0.33'):
        begin(resume=True)
    assert begin(overwrite=True)
    made = SharedBucketMap(StubModel(shifted=True), raster, out, replace(SETTINGS, resume=True), bucket=bucket)
    assert made.begin()
    made.predict(made.missing())
    made.complete()
    assert not begin(resume=True)
    with pytest.raises(OutputExistsError, match='which was made otherwise, exists: remove it, or give another --out'):
        begin(resume=True, overlap=0.5)
    with pytest.raises(OutputExistsError, match=r'a_prob\.tif exists: replace it with --overwrite'):
        begin()
    assert begin(overwrite=True, overlap=0.5)
    assert [name for name in contents(server, bucket) if name.endswith('.tif')] == []


def test_two_processes_of_one_machine_have_folders_of_their_own(bucket):
    with bucket.own_folder() as one, bucket.own_folder() as two:
        assert (one.scratch.name, two.scratch.name) == ('process_1', 'process_2')
        one.scratch.mkdir()
    assert not one.scratch.exists()
    with pytest.raises(KilledError), bucket.own_folder() as killed:
        killed.scratch.mkdir()
        raise KilledError
    with bucket.own_folder() as again:
        assert again == killed and killed.scratch.exists()


def test_the_commands_put_together_a_map_in_a_bucket(server, rasters, tmp_path):
    words = [*written(tmp_path, name='tiny'), *rasters, '--window', 32, '--device', 'cpu', '--out']
    near = heard('predict_raster', *words, tmp_path / 'near')
    far = [*words, 's3://bucket/commands']
    first = heard('predict_raster', *far, '--scratch', tmp_path / 'one', '--part', '1/2')
    assert (near.returncode, first.returncode) == (0, 0), first.stderr
    assert first.stdout == (
        'part 1/2 is done: its rows of windows are in s3://bucket/commands; after the last part give --finish\n'
    )
    early = heard('predict_raster', *far, '--scratch', tmp_path / 'last', '--finish')
    assert early.returncode == 2 and ' --out s3://bucket/commands ' in early.stderr
    assert 'of windows of b.tif: ' in early.stderr and early.stderr.endswith('part 2/2, then --finish once more\n')
    for scratch, option in (('two', ['--part', '2/2']), ('last', ['--finish'])):
        ran = heard('predict_raster', *far, '--scratch', tmp_path / scratch, *option)
        assert ran.returncode == 0, ran.stderr
    assert ran.stdout == '2 maps in s3://bucket/commands\n'
    names = sorted(path.name for path in (tmp_path / 'near').iterdir())
    assert sorted(path.name for path in (server.folder / 'bucket/commands').rglob('*') if path.is_file()) == names
    tifs = [name for name in names if name.endswith('.tif')]
    same = filecmp.cmpfiles(tmp_path / 'near', server.folder / 'bucket/commands', tifs, shallow=False)
    assert sorted(same[0]) == tifs
    assert not [path for path in tmp_path.glob('*/predict_raster*/*') if path.suffix != '.lock']
