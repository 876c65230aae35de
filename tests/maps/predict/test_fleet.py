"""A cluster of three nodes on this machine: the bytes of one process, whoever is killed."""

import os
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest
import ray_support
from bucket_support import use_bucket
from map_support import Heard, StubModel, names
from raster_support import noise, write_raster
from ray_support import SETTINGS, predict, windows
from remote_support import serving
from tool_support import REPO

from mmseg_aux_hrnet.errors import ConfigError, StackError
from mmseg_aux_hrnet.files.address import Address
from mmseg_aux_hrnet.maps.predict import cluster as joining
from mmseg_aux_hrnet.maps.predict.bucket import Bucket
from mmseg_aux_hrnet.maps.predict.cluster import check_same, connected, only_driver
from mmseg_aux_hrnet.maps.predict.many import map_paths, predict_rasters
from mmseg_aux_hrnet.maps.predict.settings import MapSettings

with_ray = pytest.mark.skipif(find_spec('ray') is None, reason='needs the extra ray: a cluster of Ray')


def wait_until(true, seconds=120):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, 'it takes too long'
        time.sleep(0.05)


@pytest.fixture(scope='module')
def cluster():
    """Three nodes of one CPU, offline, without a dashboard, all ended afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('RAY_USAGE_STATS_ENABLED', '0')
        patch.setenv('RAY_worker_niceness', '0')  # its own, 15, waits without end on a busy machine
        patch.setenv('RAY_memory_monitor_refresh_ms', '0')  # what others on this machine need is not our fault
        patch.setenv('PYTHONPATH', os.pathsep.join(map(str, (REPO, REPO / 'tests'))))
        from ray.cluster_utils import Cluster

        node = {'num_cpus': 1, 'object_store_memory': 80 * 2**20}
        started = Cluster(initialize_head=True, head_node_args={**node, 'include_dashboard': False})
        try:
            started.others = [started.add_node(**node, wait=False) for _ in range(2)]
            started.wait_for_nodes(timeout=120)
            yield started
        finally:
            started.shutdown()


@pytest.fixture
def paths(tmp_path):
    (tmp_path / 'in').mkdir()
    sizes = {'a': (300, 60), 'b': (100, 40), 'c': (40, 40)}
    return [
        write_raster(tmp_path / 'in' / f'{name}.tif', noise(3, size, seed=seed))
        for seed, (name, size) in enumerate(sizes.items())
    ]


@pytest.fixture
def expected(paths, tmp_path):
    """Return the bytes that one process gives, and how many windows it predicts."""
    model, outs = StubModel(shifted=True), map_paths(paths, tmp_path / 'one')
    predict_rasters(model, paths, outs, settings=MapSettings(**SETTINGS), listener=Heard())
    return contents(tmp_path / 'one'), model.count


def contents(folder):
    return {name: (folder / name).read_bytes() for name in names(folder) if name.endswith('.tif')}


@with_ray
@pytest.mark.slow  # a cluster, whose workers import everything
def test_an_actor_that_dies_of_memory_is_replaced(cluster, paths, expected, tmp_path):
    (tmp_path / 'dies').touch()
    heard = Heard()
    failed, outside, told = predict(cluster.address, paths, tmp_path / 'out', tmp_path, heard=heard)
    assert (failed, outside) == ({}, [])
    maps, count = expected
    assert contents(tmp_path / 'out') == maps
    assert windows(tmp_path) <= count + 8  # it died before it had predicted anything; pieces may cut a batch
    assert ' run again; ' in told
    assert ' 0 run again; ' not in told
    [begun] = [count for kind, count in heard if kind == 'begins']
    assert sum(kind == 'block' for kind, _ in heard) == begun
    assert len([note for note in heard.notes() if 'is lost' in note]) == 1
    assert not [path for path in (tmp_path / 'out').iterdir() if path.name.endswith(('.work', '.part', '.lock'))]


@with_ray
@pytest.mark.slow  # the same cluster
def test_a_driver_that_is_killed_goes_on(cluster, paths, expected, tmp_path):
    out = tmp_path / 'out'
    script = [sys.executable, ray_support.__file__, cluster.address, out, tmp_path, *paths]
    driver = subprocess.Popen([*map(str, script)])
    try:
        wait_until(lambda: len(list(out.glob('.*.work/block_*'))) > 3)
    finally:
        driver.kill()
        driver.wait()
    counted = -1
    while counted != (counted := windows(tmp_path)):  # its workers end soon after it
        time.sleep(2)
    failed, _, _ = predict(cluster.address, paths, out, tmp_path, resume=True)
    assert failed == {}
    maps, count = expected
    assert contents(out) == maps
    assert count <= windows(tmp_path) <= count + 3 * 4 * 4  # each of three workers had a few rows in hand


@with_ray
@pytest.mark.slow  # the same cluster, of which a node is taken
def test_a_node_that_is_lost_in_the_middle_changes_no_byte(cluster, paths, expected, tmp_path):
    def take_a_node():
        wait_until(lambda: windows(tmp_path) > 10)
        cluster.remove_node(cluster.others.pop())

    thief = Thread(target=take_a_node)
    thief.start()
    failed, _, _ = predict(cluster.address, paths, tmp_path / 'out', tmp_path, pause=0.3)
    thief.join()
    maps, count = expected
    assert failed == {}
    assert contents(tmp_path / 'out') == maps
    assert count <= windows(tmp_path) <= count + 2 * 4  # the row in hand of the lost one, and what it carried


@with_ray
@pytest.mark.slow  # the same cluster
def test_maps_in_a_bucket_need_no_folder_that_all_see(cluster, paths, expected, tmp_path):
    (tmp_path / 'served').mkdir()
    (tmp_path / 'dies').touch()
    with serving(tmp_path / 'served') as server, pytest.MonkeyPatch.context() as patch:
        use_bucket(patch, server)
        bucket = Bucket(Address('s3://bucket/ray'), tmp_path / 'scratch')
        with bucket.own_folder() as own:
            done = [
                predict(cluster.address, paths, own.scratch, tmp_path, bucket=own, resume=resume)
                for resume in (False, True)
            ]
    assert [one[:2] for one in done] == [({}, [])] * 2
    assert windows(tmp_path) <= expected[1] + 8
    made = {path.name: path for path in (tmp_path / 'served').rglob('*') if path.is_file()}
    assert {name: path.read_bytes() for name, path in made.items() if name.endswith('.tif')} == expected[0]
    assert not [name for name in made if name.endswith(('.npz', '.plan'))]
    assert not [path for path in (tmp_path / 'scratch').rglob('*') if not path.name.endswith('.lock')]


@with_ray
@pytest.mark.parametrize('address', ['ray://head:10001', 'head', '6379'])
def test_an_address_of_another_form_is_refused(address):
    with pytest.raises(ConfigError, match=f'--ray {address}: give auto, or HOST:PORT'), connected(address):
        pass


@with_ray
def test_an_address_where_nothing_listens_is_told_at_once():
    with socket.create_server(('127.0.0.1', 0)) as taken:
        address = f'127.0.0.1:{taken.getsockname()[1]}'
    with pytest.raises(ConfigError, match=f'--ray {address}: nothing listens there.*ray start --head'):
        with connected(address):
            pass


def test_without_the_extra_one_line_names_it(monkeypatch):
    monkeypatch.setattr(joining, 'RAY', ('no_such_ray',))
    with pytest.raises(StackError, match=r'maps need no_such_ray: pip install "mmseg-aux-hrnet\[ray\]"'):
        with connected('auto'):
            pass


HERE = {'software': '1.0', 'MODEL': 'a.pth', 'MODEL_SHA256': 'abc', 'TTA': 'none'}


@pytest.mark.parametrize(
    ('other', 'said'),
    [
        ({'software': '0.9'}, r'n1 has another version of mmseg-aux-hrnet than this machine \(0.9, here 1.0\)'),
        ({'MODEL_SHA256': 'def'}, r'n1 has another checkpoint \(sha256\) than this machine \(def, here abc\)'),
        ({'BFLOAT': 'yes'}, r'n1 has another BFLOAT than this machine \(yes, here None\)'),
        ({'sees': False}, 'n1 does not see the folder of the maps: give an --out that all machines share'),
    ],
)
def test_a_worker_that_is_not_the_same_is_refused(other, said):
    same = {**HERE, 'node': 'n1', 'sees': True}
    check_same(same, HERE)
    with pytest.raises(ConfigError, match=said):
        check_same({**same, **other}, HERE)


def test_a_folder_has_one_driver(tmp_path: Path):
    with only_driver(tmp_path), pytest.raises(ConfigError, match='another run predicts into'), only_driver(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
