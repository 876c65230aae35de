import os
import time
from collections import namedtuple

import pytest

from mmseg_aux_hrnet.datasets.cache import entry
from mmseg_aux_hrnet.datasets.cache.entry import ABANDONED_AFTER, KEPT_FREE, SHARE, SUFFIX, Room


def name(number):
    return f'{number:064x}{SUFFIX}'


def fill(folder, number, size, *, age=1000.0, end=''):
    """Write an entry that was last used ``age`` seconds ago."""
    path = folder / f'{name(number)}{end}'
    path.write_bytes(bytes(size))
    used = time.time() - age
    os.utime(path, (used, used))
    return path


def test_what_fits_may_be_written(tmp_path):
    fill(tmp_path, 0, 400, age=-1.0)
    space = Room(tmp_path, limit=1000)
    assert not space.take(601)
    assert space.take(600)
    fill(tmp_path, 1, 600, age=-1.0)
    assert not space.take(1)


def test_the_limit_holds_for_several_writers(tmp_path):
    writers = [Room(tmp_path, limit=100_000) for _ in range(SHARE)]
    for number in range(3 * SHARE * 100):
        if writers[number % SHARE].take(10):
            fill(tmp_path, number, 10, age=-1.0)
    total = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert 0.8 * 96_000 < total <= 100_000


def test_least_recently_used_entries_make_room(tmp_path):
    paths = [fill(tmp_path, number, 100, age=100.0 * (10 - number)) for number in range(10)]
    os.utime(paths[0])  # used again: now the newest
    assert Room(tmp_path, limit=1000).take(100)
    assert [path.exists() for path in paths] == [True, False, *[True] * 8]


def test_what_this_run_uses_makes_no_room(tmp_path):
    space = Room(tmp_path, limit=1000)
    old = fill(tmp_path, 0, 300)
    used = [fill(tmp_path, number, 100, age=-1.0) for number in range(1, 8)]
    assert space.take(100)  # in place of the old one
    assert not old.exists()
    for number in range(8, 11):
        fill(tmp_path, number, 100, age=-1.0)
    assert not space.take(100)
    assert all(path.exists() for path in used)


def test_other_files_are_left_alone(tmp_path):
    strangers = [tmp_path / other for other in ('image.png', f'short{SUFFIX}', f'{name(1)}.txt')]
    for path in strangers:
        path.write_bytes(bytes(900))
        os.utime(path, (0, 0))
    assert Room(tmp_path, limit=100).take(100)
    assert all(path.exists() for path in strangers)


def test_parts_of_killed_writers_go_after_a_while(tmp_path):
    dead = fill(tmp_path, 0, 900, age=ABANDONED_AFTER + 60, end='.17-0aff.part')
    alive = fill(tmp_path, 1, 100, age=5.0, end='.18-0aff.part')
    assert Room(tmp_path, limit=1000).take(10)
    assert [dead.exists(), alive.exists()] == [False, True]


def test_some_of_the_disk_is_kept_free(tmp_path, monkeypatch):
    usage = namedtuple('usage', 'free')
    monkeypatch.setattr(entry.shutil, 'disk_usage', lambda _: usage(KEPT_FREE + 500))
    space = Room(tmp_path, limit=10**12)
    assert space.take(400)
    monkeypatch.setattr(entry.shutil, 'disk_usage', lambda _: usage(KEPT_FREE + 100))
    assert not space.take(400)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Room(tmp_path / 'none', limit=10).take(1)
