"""What is finished of a map is kept whole, with the conditions under which it was made."""

import errno
import os

import numpy as np
import pytest

from mmseg_aux_hrnet.errors import ConfigError, RasterError
from mmseg_aux_hrnet.maps.options import warn_once
from mmseg_aux_hrnet.maps.predict.journal import Journal, differing

CONDITIONS = {'window': [16, 16], 'model': 'a.pth'}


def block(value):
    return {'classes': np.full((1, 2, 3), value, np.uint8)}


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / '.map.work')
    journal.begin(CONDITIONS, resume=False)
    return journal


def test_blocks_come_back_in_order(journal):
    for index in (1, 0, 2):
        journal.store(index, block(index), carry=None)
    assert [int(journal.part(index, 'classes')[0, 0, 0]) for index in range(3)] == [0, 1, 2]


def test_a_carry_lives_until_the_block_that_it_is_for_is_finished(journal):
    journal.store(0, block(0), carry=np.full((2, 1, 3), 0.5, np.float32))
    np.testing.assert_array_equal(journal.carry(1), np.full((2, 1, 3), 0.5))
    journal.store(1, block(1), carry=np.ones((2, 1, 3), np.float32))
    assert journal.carry(1) is None
    assert journal.carry(2) is not None


def test_a_damaged_carry_is_none(journal):
    journal.store(0, block(0), carry=np.ones((2, 1, 3), np.float32))
    (journal.folder / 'carry_000001.npy').write_bytes(b'\x93NUMPY')
    assert journal.carry(1) is None


def test_the_same_conditions_go_on(journal):
    journal.store(3, block(3), carry=None)
    again = Journal(journal.folder)
    again.begin({**CONDITIONS, 'window': (16, 16)}, resume=True)
    assert again.finished() == {3}


def test_other_conditions_are_refused_with_what_differs(journal):
    journal.store(0, block(0), carry=None)
    with pytest.raises(ConfigError, match=r'model was a\.pth, now b\.pth\): .* --overwrite'):
        journal.begin({**CONDITIONS, 'model': 'b.pth'}, resume=True)


def test_finished_blocks_are_not_thrown_away_unasked(journal):
    journal.store(0, block(0), carry=None)
    with pytest.raises(ConfigError, match='continue with --resume, or start again with --overwrite'):
        journal.begin(CONDITIONS, resume=False)


def test_conditions_without_blocks_are_nothing_to_lose(journal):
    journal.begin({**CONDITIONS, 'model': 'b.pth'}, resume=False)
    assert not journal.exists()


def test_a_block_that_was_cut_off_does_not_count(journal):
    (journal.folder / 'block_000000.npz.part').write_bytes(b'half')
    assert journal.finished() == set()


def test_a_damaged_block_is_one_line(journal):
    journal.store(0, block(0), carry=None)
    (journal.folder / 'block_000000.npz').write_bytes(b'PK')
    with pytest.raises(RasterError, match=r'block_000000\.npz is damaged: remove it and continue with --resume'):
        journal.part(0, 'classes')


def test_damaged_conditions_are_one_line(journal):
    journal.store(0, block(0), carry=None)
    (journal.folder / 'plan.json').write_text('{', encoding='utf-8')
    with pytest.raises(ConfigError, match=r'plan\.json is damaged'):
        journal.begin(CONDITIONS, resume=True)


def test_conditions_that_an_older_version_did_not_know_are_not_asked():
    new = {**CONDITIONS, 'area': '1', 'content': [], 'modified': 1, 'aoi': 'a'}
    assert differing({**CONDITIONS, 'modified': 1, 'aoi': 'a'}, new) == []
    assert differing({**CONDITIONS, 'modified': 2, 'aoi': 'b'}, new) == ['aoi was b, now a', 'modified was 2, now 1']


def test_content_counts_in_place_of_times_and_polygons_in_place_of_their_file():
    new = {**CONDITIONS, 'area': '1', 'modified': 1, 'aoi': 'a'}
    assert differing({**new, 'content': [], 'modified': 2, 'aoi': 'b'}, new) == []
    assert differing({**new, 'area': '2'}, new) == ['area was 2, now 1']
    assert differing({**new, 'nodata': '0 to 0'}, new) == ['nodata was 0 to 0, now None']


def test_the_conditions_of_a_finished_map_stay(journal):
    journal.add('content', [1])
    journal.finish({**CONDITIONS, 'aoi': 'b'})
    assert not journal.folder.exists()
    assert Journal(journal.folder).of_finished() == {**CONDITIONS, 'aoi': 'b', 'content': [1]}


@pytest.mark.parametrize('number', [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told_of_once(journal, monkeypatch, caplog, number):
    def acquire(lock):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr('filelock.FileLock.acquire', acquire)
    warn_once.cache_clear()
    for _ in range(2):
        with journal.locked():
            pass
    assert [record.getMessage() for record in caplog.records] == [
        f'{journal.folder.parent}: its file system has no locks, so a second run could write the same maps'
    ]


def test_other_faults_of_the_lock_are_raised(journal, monkeypatch):
    def acquire(lock):
        raise PermissionError(errno.EACCES, 'Permission denied')

    monkeypatch.setattr('filelock.FileLock.acquire', acquire)
    with pytest.raises(PermissionError), journal.locked():
        pass
