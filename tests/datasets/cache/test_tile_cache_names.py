import hashlib
import os
import time

import pytest

from mmseg_aux_hrnet.datasets.cache.tile_cache import SETTLED_AFTER, ContentNames


@pytest.fixture
def path(tmp_path):
    file = tmp_path / 'a.png'
    file.write_bytes(b'content')
    return str(file)


def later(monkeypatch, seconds=10.0):
    now = time.time()
    monkeypatch.setattr('time.time', lambda: now + seconds)


def test_a_name_is_the_digest_of_recipe_and_content(path):
    name, content = ContentNames().read(path, 'recipe')
    assert (name, content) == (hashlib.sha256(b'recipe\0content').hexdigest(), b'content')


def test_an_unchanged_file_is_known_by_its_recipe(path, monkeypatch):
    names = ContentNames()
    later(monkeypatch)
    name, _ = names.read(path, 'recipe')
    assert names.known(path, 'recipe') == name
    assert names.known(path, 'another') is None


@pytest.mark.parametrize('seconds', [0.0, SETTLED_AFTER - 1, -5.0])
def test_a_file_that_was_just_changed_is_not_known(path, monkeypatch, seconds):
    names = ContentNames()
    later(monkeypatch, seconds)
    names.read(path, 'recipe')
    assert names.known(path, 'recipe') is None


def test_another_content_of_the_same_size_and_time_is_seen(path, monkeypatch):
    names = ContentNames()
    later(monkeypatch)
    name, _ = names.read(path, 'recipe')
    before = os.stat(path)
    time.sleep(0.02)  # the file system's clock ticks
    with open(path, 'wb') as file:
        file.write(b'CONTENT')
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    if os.name == 'nt':
        pytest.skip('Windows has no time of change that cannot be set')
    assert names.known(path, 'recipe') is None
    assert names.read(path, 'recipe')[0] != name


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        ContentNames().known(str(tmp_path / 'none.png'), 'recipe')
