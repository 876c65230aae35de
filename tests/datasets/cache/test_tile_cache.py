import multiprocessing
import os
import shutil
import time
from types import SimpleNamespace

import numpy as np
import pytest

from mmseg_aux_hrnet.datasets.cache import TileCache, tile_cache
from mmseg_aux_hrnet.datasets.cache.entry import map_entry
from mmseg_aux_hrnet.errors import ConfigError, ImageError

pytestmark = pytest.mark.stack
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)


class Decoder:
    """Gives the pixels that follow from the content, and counts."""

    def __init__(self):
        self.calls = 0

    def __call__(self, content):
        if content is None:
            raise ImageError('does not exist')
        self.calls += 1
        return PIXELS + np.uint8(content[0])


@pytest.fixture
def decode():
    return Decoder()


@pytest.fixture
def tile(tmp_path):
    """A file whose content is old enough to be trusted."""
    path = tmp_path / 'a.png'
    path.write_bytes(b'\x07' * 50)
    return str(path)


@pytest.fixture
def said(monkeypatch):
    words = []
    monkeypatch.setattr(tile_cache, 'print_log', lambda text, **_: words.append(text))
    monkeypatch.setattr(tile_cache, '_warned', tile_cache.RawValue('b'))
    return words


def opened(folder, gigabytes=1.0):
    return TileCache(str(folder / 'cache'), gigabytes=gigabytes)


def loaded(cache, path, decode, recipe='rgb'):
    return cache.load(path, recipe=recipe, decode=decode)


def entries(folder):
    return sorted((folder / 'cache').iterdir())


def test_a_tile_is_decoded_once_for_all_runs(tmp_path, tile, decode):
    for _ in range(2):
        cache = opened(tmp_path)  # each its own run
        for _ in range(3):
            assert np.array_equal(loaded(cache, tile, decode), PIXELS + 7)
    assert decode.calls == 1


def test_equal_files_share_an_entry_and_recipes_do_not(tmp_path, tile, decode):
    shutil.copy(tile, tmp_path / 'b.png')
    cache = opened(tmp_path)
    loaded(cache, tile, decode)
    loaded(cache, str(tmp_path / 'b.png'), decode)
    assert decode.calls == 1
    loaded(cache, tile, decode, recipe='bgr')
    assert decode.calls == len(entries(tmp_path)) == 2


def test_a_changed_file_is_decoded_again(tmp_path, tile, decode):
    cache = opened(tmp_path)
    loaded(cache, tile, decode)
    with open(tile, 'wb') as file:
        file.write(b'\x09' * 50)
    assert np.array_equal(loaded(cache, tile, decode), PIXELS + 9)


def test_an_unchanged_file_is_not_read_again(tmp_path, tile, decode, monkeypatch):
    now = time.time()
    monkeypatch.setattr('time.time', lambda: now + 100)
    cache = opened(tmp_path)
    loaded(cache, tile, decode)
    monkeypatch.setattr('builtins.open', lambda *_: pytest.fail('the file was read'))
    assert np.array_equal(loaded(cache, tile, decode), PIXELS + 7)


def test_a_damaged_entry_is_written_anew(tmp_path, tile, decode):
    loaded(opened(tmp_path), tile, decode)
    [entry] = entries(tmp_path)
    entry.write_bytes(entry.read_bytes()[:-3] + b'xyz')
    assert np.array_equal(loaded(opened(tmp_path), tile, decode), PIXELS + 7)
    assert decode.calls == 2
    assert np.array_equal(map_entry(entry, verify=True), PIXELS + 7)


def test_an_entry_that_is_cut_while_it_is_in_use_is_seen(tmp_path, tile, decode):
    cache = opened(tmp_path)
    loaded(cache, tile, decode), loaded(cache, tile, decode)
    [entry] = entries(tmp_path)
    entry.write_bytes(b'')
    assert np.array_equal(loaded(cache, tile, decode), PIXELS + 7)


def test_a_folder_that_is_deleted_meanwhile_starts_again(tmp_path, tile, decode, said):
    cache = opened(tmp_path)
    for _ in range(2):
        assert np.array_equal(loaded(cache, tile, decode), PIXELS + 7)
        assert len(entries(tmp_path)) == 1
        shutil.rmtree(tmp_path / 'cache')
        cache._room._left = 0  # looks through the folder before it writes
    assert (decode.calls, said) == (2, [])


def test_use_is_marked(tmp_path, tile, decode):
    loaded(opened(tmp_path), tile, decode)
    [entry] = entries(tmp_path)
    os.utime(entry, (1000, 1000))
    loaded(opened(tmp_path), tile, decode)
    assert time.time() - entry.stat().st_mtime < 60


def test_a_full_disk_is_said_once_and_training_goes_on(tmp_path, tile, decode, said, monkeypatch):
    def full(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(tile_cache, 'write_entry', full)
    for _ in range(2):
        cache = opened(tmp_path)
        for _ in range(3):
            assert np.array_equal(loaded(cache, tile, decode), PIXELS + 7)
    [words] = said
    assert 'cannot be written ([Errno 28] No space left on device): other tiles are decoded each time' in words


def test_a_used_up_room_is_said_once(tmp_path, tile, decode, said):
    cache = opened(tmp_path, gigabytes=300 / 2**30)
    for value in range(5):
        with open(tile, 'wb') as file:
            file.write(bytes([value]) * 50)
        assert np.array_equal(loaded(cache, tile, decode), PIXELS + np.uint8(value))
    assert len(entries(tmp_path)) == 1
    [words] = said
    assert 'is full (it holds 2.79397e-07 GiB, see cache_gb, or 2 GiB of its disk are left): other tiles' in words


def test_of_several_loader_processes_the_first_speaks(tmp_path, tile, decode, said, monkeypatch):
    worker = SimpleNamespace(id=1)
    monkeypatch.setattr(tile_cache, 'get_worker_info', lambda: worker)
    for worker.id, words in ((1, 0), (0, 1), (0, 1)):
        loaded(opened(tmp_path, gigabytes=1 / 2**30), tile, decode)
        assert len(said) == words


def test_entries_of_a_folder_that_is_not_ours_are_read(tmp_path, tile, decode, monkeypatch):
    loaded(opened(tmp_path), tile, decode)
    monkeypatch.setattr('os.utime', lambda *_: (_ for _ in ()).throw(PermissionError(1, 'Operation not permitted')))
    assert np.array_equal(loaded(opened(tmp_path), tile, decode), PIXELS + 7)
    assert decode.calls == 1


def test_the_reader_says_what_is_wrong_with_a_file(tmp_path, decode):
    with pytest.raises(ImageError, match='does not exist'):
        loaded(opened(tmp_path), str(tmp_path / 'none.png'), decode)


@pytest.mark.parametrize('gigabytes', [0, -1.0, float('nan')])
def test_no_room_is_refused(tmp_path, gigabytes):
    with pytest.raises(ConfigError, match='GiB, above 0'):
        opened(tmp_path, gigabytes=gigabytes)


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / 'cache').write_text('a file')
    with pytest.raises(ConfigError, match=r'cache .*cache cannot be made.*choose another folder'):
        opened(tmp_path)


def load_all(folder, paths, wrong):
    """Load every tile several times, as one of several processes; count what was wrong."""
    cache, decode = opened(folder), Decoder()
    for _ in range(20):
        for path in paths:
            with open(path, 'rb') as file:
                want = PIXELS + np.uint8(file.read(1)[0])
            wrong.value += not np.array_equal(loaded(cache, path, decode), want)


def test_several_processes_fill_and_damage_one_folder(tmp_path):
    paths = [str(tmp_path / f'{value}.png') for value in range(6)]
    for value, path in enumerate(paths):
        with open(path, 'wb') as file:
            file.write(bytes([value]) * 9)
    context = multiprocessing.get_context('fork' if os.name == 'posix' else 'spawn')
    wrong = context.Value('i', 0)
    workers = [context.Process(target=load_all, args=(tmp_path, paths, wrong)) for _ in range(3)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        for entry in (tmp_path / 'cache').glob('*.auxtile'):
            entry.unlink(missing_ok=True)  # as another run makes room
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert wrong.value == 0
    assert not list((tmp_path / 'cache').glob('*.part'))
