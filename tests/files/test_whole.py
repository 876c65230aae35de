"""Files and folders that are whole or not there."""

import os

import pytest

from mmseg_aux_hrnet.files.whole import own_part, whole_file, whole_folder, whole_set, write_whole


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / 'new' / 'a.bin'
    with whole_file(path) as part:
        part.write_bytes(b'1')
        assert not path.exists()
    write_whole(path, b'22')
    assert path.read_bytes() == b'22'
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize('durable', [True, False])
def test_content_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch, durable):
    acts = []
    monkeypatch.setattr(os, 'fsync', lambda descriptor: acts.append('flushed'))
    replace = os.replace
    monkeypatch.setattr(os, 'replace', lambda *names: (acts.append('named'), replace(*names)))
    with whole_file(tmp_path / 'a', durable=durable) as part:
        part.touch()
    assert acts == (['flushed', 'named'] if durable else ['named'])


@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt, OSError])
def test_a_file_that_fails_leaves_what_was_there(tmp_path, error):
    path = tmp_path / 'a'
    path.write_text('old')
    with pytest.raises(error), whole_file(path, part=tmp_path / 'a.17.part') as part:
        part.write_text('new')
        raise error
    assert [found.read_text() for found in tmp_path.iterdir()] == ['old']


def test_each_process_has_a_part_of_its_own(tmp_path, monkeypatch):
    mine = own_part(tmp_path / 'a.png')
    monkeypatch.setattr(os, 'getpid', lambda: -1)
    assert own_part(tmp_path / 'a.png') != mine
    assert mine.parent == tmp_path


def test_files_that_belong_together_come_together_and_those_of_the_old_one_go(tmp_path):
    path = tmp_path / 'a.csv'
    for name in ('a.csv', 'a.csvt', 'b.csvt'):
        (tmp_path / name).write_text('old')
    with pytest.raises(RuntimeError), whole_set(path) as part:
        part.write_text('new')
        raise RuntimeError
    assert path.read_text() == (tmp_path / 'a.csvt').read_text() == 'old'
    with whole_set(path) as part:
        part.write_text('new')
        part.with_suffix('.qml').write_text('beside')
    assert {found.name for found in tmp_path.iterdir()} == {'a.csv', 'a.qml', 'b.csvt'}
    assert path.read_text() == 'new'


def test_a_folder_appears_when_it_is_full(tmp_path):
    with whole_folder(tmp_path / 'a' / 'out') as folder:
        (folder / 'x').write_text('1')
        assert not (tmp_path / 'a' / 'out').exists()
    assert (tmp_path / 'a' / 'out' / 'x').read_text() == '1'
    assert [path.name for path in (tmp_path / 'a').iterdir()] == ['out']


def test_an_existing_folder_is_replaced_as_a_whole(tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'old').touch()
    with whole_folder(tmp_path / 'out') as folder:
        (folder / 'new').touch()
        assert (tmp_path / 'out' / 'old').exists()
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['new']
    assert [path.name for path in tmp_path.iterdir()] == ['out']


@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_all_as_it_was(tmp_path, error):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'old').touch()
    with pytest.raises(error), whole_folder(tmp_path / 'out') as folder:
        (folder / 'new').touch()
        raise error
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['old']
    assert [path.name for path in tmp_path.iterdir()] == ['out']


def test_a_failed_rename_brings_the_old_folder_back(tmp_path, monkeypatch):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'old').touch()
    replace, calls = os.replace, []

    def fail_the_second(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise PermissionError('held by another program')
        replace(source, target)

    monkeypatch.setattr(os, 'replace', fail_the_second)
    with pytest.raises(PermissionError), whole_folder(tmp_path / 'out') as folder:
        (folder / 'new').touch()
    assert len(calls) == 3
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['old']
    assert [path.name for path in tmp_path.iterdir()] == ['out']


def test_what_a_killed_run_left_does_not_matter(tmp_path):
    part = tmp_path / f'.out.{os.getpid()}.part'
    part.mkdir()
    (part / 'half').touch()
    with whole_folder(tmp_path / 'out') as folder:
        (folder / 'new').touch()
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['new']


@pytest.mark.skipif(os.name == 'nt', reason='links need a privilege there')
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / 'real').mkdir()
    (tmp_path / 'out').symlink_to(tmp_path / 'real')
    with whole_folder(tmp_path / 'out') as folder:
        (folder / 'new').touch()
    assert (tmp_path / 'out').is_symlink()
    assert (tmp_path / 'real' / 'new').exists()
