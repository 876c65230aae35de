"""Split lists: grammar, errors with line numbers, the file index and the division by scene."""

import itertools
import os

import pytest

from mmseg_aux_hrnet.datasets.splits import (
    IMAGE_SUFFIXES,
    LABEL_SUFFIXES,
    SplitEntry,
    divide,
    index_by_stem,
    read_split,
    scene_of,
    write_split,
)
from mmseg_aux_hrnet.errors import ConfigError, OutputExistsError, SplitError


def write_bytes(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        (b'a\nb\n', [('a', 1), ('b', 2)]),
        (b'a\r\n\r\nb', [('a', 1), ('b', 3)]),
        (b'\xef\xbb\xbfa\n', [('a', 1)]),
        (b'  \nsub\\a.JPG\n', [('sub/a', 2)]),
        (b'./my tile.png\ntile.v2\n', [('my tile', 1), ('tile.v2', 2)]),
        (b'a.png.jpg\n', [('a.png', 1)]),
        (b'a.tif.png\na\n', [('a.tif', 1), ('a', 2)]),  # two files, as split.py lists them
        ('größe\n'.encode(), [('größe', 1)]),
    ],
)
def test_a_txt_list_is_one_stem_a_line(tmp_path, content, expected):
    entries = read_split(write_bytes(tmp_path / 'train.txt', content))
    assert entries == [SplitEntry(image, None, line) for image, line in expected]


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        (b'x/a.jpg y/a.png\n', ('x/a.jpg', 'y/a.png')),
        (b'x/a.jpg   y/a.png  \r\n', ('x/a.jpg', 'y/a.png')),
        (b'x\\a.jpg\ty\\a.png', ('x/a.jpg', 'y/a.png')),
        (b'x/my a.jpg\ty/my a.png\n', ('x/my a.jpg', 'y/my a.png')),
        (b'x/my a.jpg\t\n', ('x/my a.jpg', None)),
        (b'\xef\xbb\xbf\nx/a.jpg\n', ('x/a.jpg', None)),
    ],
)
@pytest.mark.parametrize('name', ['train.lst', 'TRAIN.LST'])
def test_a_lst_list_is_image_and_label(tmp_path, name, content, expected):
    (entry,) = read_split(write_bytes(tmp_path / name, content))
    assert (entry.image, entry.label) == expected


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('a.txt', b'', 'is empty'),
        ('a.txt', b'\xef\xbb\xbf \r\n\n', 'is empty'),
        ('a.txt', b'a\n\nb\na.png\n', 'a.txt" line 4: "a" is on line 1 too'),
        ('a.txt', b'a\n/abs/b\n', 'line 2: "/abs/b" is an absolute path'),
        ('a.txt', b'C:\\b\n', 'line 1: "C:/b" is an absolute path'),
        ('a.txt', b'a\n../b\n', r'line 2: "../b" has a ".." part'),
        ('a.txt', b'./\n', 'line 1: names no file'),
        ('a.txt', b'gr\xf6sse\n', 'is not UTF-8 text at byte 2'),
        ('a.txt', 'a\n'.encode('utf-16'), 'is not UTF-8 text at byte 0'),
        ('a.txt', 'a\n'.encode('utf-16-le'), 'holds zero bytes'),
        ('a.lst', b'a.jpg a.png x\n', 'line 1: 3 paths instead of IMAGE [LABEL]; put a tab'),
        ('a.lst', b'a.jpg\ta.png\tx\n', 'line 1: 3 paths'),
        ('a.lst', b'\ta.png\n', 'line 1: names no file'),
        ('a.lst', b'a.jpg a.png\n\nb.jpg\n', 'line 3: has no label, unlike line 1'),
        ('a.lst', b'a.jpg\nb.jpg b.png\n', 'line 2: has a label, unlike line 1'),
        ('a.lst', b'a.jpg a.png\nb.jpg b.png\na.jpg c.png\n', 'line 3: "a" is on line 1 too'),
    ],
)
def test_a_wrong_list_is_named_with_its_line(tmp_path, name, content, message):
    with pytest.raises(SplitError) as caught:
        read_split(write_bytes(tmp_path / name, content))
    assert message in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
    assert '\n' not in str(caught.value)


def test_a_missing_list_says_what_writes_it(tmp_path):
    with pytest.raises(SplitError, match=r'gone\.txt" does not exist; .*python split\.py DATA_ROOT'):
        read_split(tmp_path / 'gone.txt')


def test_a_folder_is_not_a_list(tmp_path):
    with pytest.raises(SplitError, match='is a folder'):
        read_split(tmp_path)


def make_files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_the_index_holds_stems_below_a_folder(tmp_path):
    make_files(tmp_path, 'b.PNG', 'b.jpg', 'sub/deep/a.v2.tif', 'notes.txt', '.hidden.png', '.cache/c.png', 'nosuffix')
    assert index_by_stem(tmp_path, IMAGE_SUFFIXES) == {
        'b': ['b.PNG', 'b.jpg'],
        'sub/deep/a.v2': ['sub/deep/a.v2.tif'],
    }
    assert index_by_stem(tmp_path, LABEL_SUFFIXES)['b'] == ['b.PNG']


def test_the_index_follows_links_but_not_in_circles(tmp_path):
    make_files(tmp_path, 'elsewhere/a.png', 'images/b.png')
    try:
        (tmp_path / 'images' / 'linked').symlink_to(tmp_path / 'elsewhere', target_is_directory=True)
        (tmp_path / 'images' / 'images').symlink_to(tmp_path / 'images', target_is_directory=True)
    except OSError:
        pytest.skip('links need a privilege on this system')
    assert list(index_by_stem(tmp_path / 'images', IMAGE_SUFFIXES)) == ['b', 'linked/a']


def test_the_index_of_a_missing_folder_raises(tmp_path):
    with pytest.raises(SplitError, match=r'gone" cannot be read'):
        index_by_stem(tmp_path / 'gone', IMAGE_SUFFIXES)


@pytest.mark.parametrize(
    ('pattern', 'scene'), [(r'^(.+)_r\d+c\d+$', 'dubai_t2'), (r'dubai_t\d', 'dubai_t2'), (r'(?:dubai)_(t\d)', 't2')]
)
def test_a_scene_is_the_first_group_or_the_whole_match(pattern, scene):
    assert scene_of('dubai_t2_r1c0', pattern) == scene


@pytest.mark.parametrize(
    ('pattern', 'message'),
    [
        ('naip', '"naip" finds no scene in "dubai_t2"'),
        ('(naip)?', 'finds no scene'),
        ('x*', 'finds no scene'),
        ('(', 'not a regular expression'),
    ],
)
def test_a_pattern_that_finds_no_scene_raises(pattern, message):
    with pytest.raises(SplitError) as caught:
        scene_of('dubai_t2', pattern)
    assert message in str(caught.value)


def sizes_of(parts):
    return [len(parts[split]) for split in ('train', 'val', 'test')]


@pytest.mark.parametrize(
    ('total', 'ratios', 'expected'),
    [
        (10, (0.8, 0.1, 0.1), [8, 1, 1]),
        (10, (8, 1, 1), [8, 1, 1]),
        (20, (70, 15, 15), [14, 3, 3]),
        (7, (1, 0, 0), [7, 0, 0]),
        (4, (0.75, 0, 0.25), [3, 0, 1]),
        (3, (0.98, 0.01, 0.01), [1, 1, 1]),  # each split gets one
    ],
)
def test_single_images_are_divided_in_the_ratio(total, ratios, expected):
    names = [f'i{number:02}' for number in range(total)]
    parts = divide(names, ratios=ratios, seed=3)
    assert sizes_of(parts) == expected
    assert sorted(itertools.chain(*parts.values())) == names


def test_a_division_depends_on_the_seed_and_not_on_the_order_of_names():
    names = list('abcdefghij')
    parts = divide(names, ratios=(6, 2, 2), seed=0)
    assert parts == {'train': list('bcdfhi'), 'val': list('eg'), 'test': list('aj')}  # the same on every platform
    assert divide(reversed(names), ratios=(0.6, 0.2, 0.2), seed=0) == parts
    assert divide(names, ratios=(6, 2, 2), seed=1) != parts


@pytest.mark.parametrize('seed', range(5))
def test_scenes_stay_whole_and_near_the_ratio(seed):
    scene_sizes = [45, 45, 45, 36, 32, 45, 10, 6, 6, 4, 2]
    names = [f's{scene}_{tile}' for scene, size in enumerate(scene_sizes) for tile in range(size)]
    parts = divide(names, ratios=(0.7, 0.15, 0.15), seed=seed, scene_pattern=r'^s\d+')
    scenes = [{scene_of(name, r'^s\d+') for name in parts[split]} for split in parts]
    assert sum(map(len, scenes)) == len(set.union(*scenes)) == len(scene_sizes)
    assert sorted(itertools.chain(*parts.values())) == sorted(names)
    wanted = [276 * ratio for ratio in (0.7, 0.15, 0.15)]
    assert sum(abs(got - want) for got, want in zip(sizes_of(parts), wanted, strict=True)) <= 30


def test_a_large_scene_goes_where_it_is_wanted():
    names = [f'big_{tile}' for tile in range(80)] + [f'{scene}_{tile}' for scene in 'ab' for tile in range(10)]
    assert sizes_of(divide(names, ratios=(8, 1, 1), seed=0, scene_pattern='^[a-z]+')) == [80, 10, 10]


def test_fewer_scenes_than_splits_raise():
    names = ['s1_a', 's1_b', 's2_a', 's2_b']
    with pytest.raises(SplitError, match=r'2 scenes cannot fill 3 splits \(train, val, test\)'):
        divide(names, ratios=(0.7, 0.15, 0.15), seed=0, scene_pattern=r'^s\d')
    assert sizes_of(divide(names, ratios=(0.5, 0.5, 0), seed=0, scene_pattern=r'^s\d')) == [2, 2, 0]


@pytest.mark.parametrize('ratios', [(0, 1, 1), (1, -1, 1), (1, float('nan'), 0), (1, 1), (float('inf'), 1, 1)])
def test_a_wrong_ratio_raises(ratios):
    with pytest.raises(SplitError, match='is not allowed; give three numbers'):
        divide(['a', 'b', 'c'], ratios=ratios, seed=0)


def test_a_list_is_written_with_lf_in_utf8(tmp_path):
    path = tmp_path / 'new' / 'train.txt'
    write_split(path, ['ä', 'b'])
    assert path.read_bytes() == 'ä\nb\n'.encode()
    assert os.listdir(path.parent) == ['train.txt']


def test_a_list_is_replaced_only_by_force(tmp_path):
    path = write_bytes(tmp_path / 'train.txt', b'old\n')
    with pytest.raises(OutputExistsError, match=r'train\.txt" exists: --force'):
        write_split(path, ['new'])
    assert path.read_bytes() == b'old\n'
    write_split(path, ['new'], force=True)
    assert path.read_bytes() == b'new\n'


def test_a_failed_write_leaves_nothing(tmp_path):
    make_files(tmp_path, 'file')
    with pytest.raises(SplitError, match='cannot be written'):
        write_split(tmp_path / 'file' / 'train.txt', ['a'])
    with pytest.raises(SplitError, match='not Unicode'):
        write_split(tmp_path / 'train.txt', ['\udcff'])
    (tmp_path / 'folder').mkdir()
    with pytest.raises(ConfigError, match='folder" is a folder'):
        write_split(tmp_path / 'folder', ['a'], force=True)
    assert sorted(os.listdir(tmp_path)) == ['file', 'folder']
