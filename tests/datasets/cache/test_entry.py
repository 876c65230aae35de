import numpy as np
import pytest

from mmseg_aux_hrnet.datasets.cache.entry import HEADER, MAGIC, DamagedEntryError, map_entry, write_entry

IMAGE = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)


@pytest.mark.parametrize('pixels', [IMAGE, IMAGE[..., 0], IMAGE[:, ::-1], IMAGE[:1, :1]])
def test_an_entry_is_read_as_it_was_written(tmp_path, pixels):
    path = tmp_path / 'a'
    write_entry(path, pixels)
    got = map_entry(path, verify=True)
    assert np.array_equal(got, pixels)
    assert (got.dtype, path.stat().st_size) == (np.uint8, HEADER.size + pixels.nbytes)
    assert [file.name for file in tmp_path.iterdir()] == ['a']


def test_changes_of_a_mapped_array_stay_out_of_the_file(tmp_path):
    path = tmp_path / 'a'
    write_entry(path, IMAGE)
    map_entry(path, verify=True)[:] = 0
    assert np.array_equal(map_entry(path, verify=True), IMAGE)


def test_an_array_outlives_the_name_of_its_file(tmp_path):
    path = tmp_path / 'a'
    write_entry(path, IMAGE)
    got = map_entry(path, verify=False)
    write_entry(path, IMAGE[::-1])  # by renaming, so the old content stays where it is mapped
    assert np.array_equal(got, IMAGE)


def damaged(whole):
    flipped = bytearray(whole)
    flipped[-5] ^= 4
    other_shape = HEADER.pack(MAGIC, 2**32 - 1, 2**32 - 1, 2**32 - 1, 0)
    return {
        'empty': b'',
        'header cut': whole[:30],
        'pixels cut': whole[:-1],
        'longer': whole + b'\0',
        'one bit': bytes(flipped),
        'zeros, as after a power cut': bytes(len(whole)),
        'other format': b'\x89PNG' + whole[4:],
        'huge shape': other_shape + whole[HEADER.size :],
    }


@pytest.mark.parametrize('name', damaged(b'\0' * 100))
def test_damage_is_seen(tmp_path, name):
    path = tmp_path / 'a'
    write_entry(path, IMAGE)
    path.write_bytes(damaged(path.read_bytes())[name])
    with pytest.raises(DamagedEntryError):
        map_entry(path, verify=True)


def test_a_failed_write_leaves_the_entry_and_no_part(tmp_path, monkeypatch):
    path = tmp_path / 'a'
    write_entry(path, IMAGE)

    def full(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('os.replace', full)
    with pytest.raises(OSError, match='No space'):
        write_entry(path, IMAGE[::-1])
    assert np.array_equal(map_entry(path, verify=True), IMAGE)
    assert [file.name for file in tmp_path.iterdir()] == ['a']


def test_an_entry_that_another_process_maps_on_windows_is_kept(tmp_path, monkeypatch):
    path = tmp_path / 'a'
    write_entry(path, IMAGE)

    def mapped(*_):
        raise PermissionError(13, 'Access is denied')

    monkeypatch.setattr('os.replace', mapped)
    write_entry(path, IMAGE)
    assert [file.name for file in tmp_path.iterdir()] == ['a']
    with pytest.raises(PermissionError):
        write_entry(tmp_path / 'b', IMAGE)
