"""split.py: lists of a tree, of one folder, and what it refuses; nothing is written when it fails."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from raster_support import METRE, write_raster
from tool_support import REPO

from mmseg_aux_hrnet.datasets.split_layouts import LAYOUTS, format_line
from mmseg_aux_hrnet.datasets.splits import read_split
from mmseg_aux_hrnet.errors import SplitError

TOOL = REPO / 'split.py'
REAL = REPO.parent / 'shared' / 'data'
main = runpy.run_path(str(TOOL))['main']


def make_files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def make_tree(root, images, labels, **stems_by_split):
    for split, stems in stems_by_split.items():
        for stem in stems:
            make_files(root, f'{images}/{split}/{stem}.jpg', f'{labels}/{split}/{stem}.png')


def run(*args):
    return main([str(arg) for arg in args])


def texts(folder):
    return {path.name: path.read_text(encoding='utf-8') for path in folder.iterdir()}


def test_a_singlegreen_tree_gives_stems(tmp_path, capsys):
    make_tree(tmp_path, 'rawdata', 'labeldata', train=['b', 'a.v2', 'sub/my c'], val=['d'], test=['e'])
    assert run(tmp_path) == 0
    assert texts(tmp_path / 'splits') == {'train.txt': 'a.v2\nb\nsub/my c\n', 'val.txt': 'd\n', 'test.txt': 'e\n'}
    assert capsys.readouterr().out.splitlines()[0] == f'train: 3 images -> {tmp_path / "splits" / "train.txt"}'


def test_an_urbanisation_tree_gives_pairs(tmp_path):
    make_tree(tmp_path, 'x', 'y', train=['b', 'a'], val=['my c'])
    make_files(tmp_path, 'x/test/d.TIF', 'x/test/e f.png')
    assert run(tmp_path) == 0
    train, val = 'x/train/a.jpg y/train/a.png\nx/train/b.jpg y/train/b.png\n', 'x/val/my c.jpg\ty/val/my c.png\n'
    assert texts(tmp_path / 'list') == {
        'train.lst': train,
        'val.lst': val,
        'trainval.lst': train + val,
        'test.lst': 'x/test/d.TIF\nx/test/e f.png\t\n',
    }
    assert [entry.image for entry in read_split(tmp_path / 'list' / 'test.lst')] == ['x/test/d.TIF', 'x/test/e f.png']


@pytest.mark.parametrize(
    ('options', 'expected'), [([], 'x/test/a.jpg y/test/a.png\n'), (['--test-images-only'], 'x/test/a.jpg\n')]
)
def test_labels_of_test_images_are_listed_unless_told(tmp_path, options, expected):
    make_tree(tmp_path, 'x', 'y', test=['a'])
    assert run(tmp_path, *options) == 0
    assert texts(tmp_path / 'list') == {'test.lst': expected}


def test_form_and_out_replace_the_defaults(tmp_path):
    make_tree(tmp_path, 'rawdata', 'labeldata', train=['a'], val=['b'])
    assert run(tmp_path, '--form', 'lst', '--out', tmp_path / 'o') == 0
    assert sorted(texts(tmp_path / 'o')) == ['train.lst', 'trainval.lst', 'val.lst']
    assert texts(tmp_path / 'o')['train.lst'] == 'rawdata/train/a.jpg labeldata/train/a.png\n'


def test_images_outside_the_splits_are_reported(tmp_path, capsys):
    make_tree(tmp_path, 'rawdata', 'labeldata', train=['a'])
    make_files(tmp_path, 'rawdata/validation/b.jpg', 'rawdata/train.jpg')
    assert run(tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        'left out: 2 images in no train, val or test folder, the first is train'
    )


def make_folder(root, images, labels):
    """Ten scenes of two tiles each in one folder."""
    for stem in (f's{scene}_{tile}' for scene in range(10) for tile in 'ab'):
        make_files(root, f'{images}/{stem}.png', f'{labels}/{stem}.png')


def test_a_folder_is_divided_by_scene(tmp_path, capsys):
    make_folder(tmp_path, 'rawdata', 'labeldata')
    assert run(tmp_path, '--ratio', '0.8', '0.1', '0.1', '--seed', '5', '--scene', r'^s\d') == 0
    lists = {name: text.split() for name, text in texts(tmp_path / 'splits').items()}
    assert {name: len(stems) for name, stems in lists.items()} == {'train.txt': 16, 'val.txt': 2, 'test.txt': 2}
    assert lists['val.txt'][0][:-1] + 'b' == lists['val.txt'][1]
    assert len(set().union(*lists.values())) == 20
    assert f'train: 16 images, 8 scenes -> {tmp_path / "splits" / "train.txt"}' in capsys.readouterr().out


def test_a_divided_folder_gives_pairs_and_no_list_for_a_ratio_of_0(tmp_path):
    make_folder(tmp_path, 'x', 'y')
    assert run(tmp_path, '--ratio', '1', '1', '0', '--scene', '^(s.)') == 0
    assert sorted(texts(tmp_path / 'list')) == ['train.lst', 'trainval.lst', 'val.lst']
    entries = read_split(tmp_path / 'list' / 'trainval.lst')
    assert {(entry.image, entry.label) for entry in entries} == {
        (f'x/s{scene}_{tile}.png', f'y/s{scene}_{tile}.png') for scene in range(10) for tile in 'ab'
    }


def files_below(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob('*') if path.is_file())


PAIR = ('rawdata/train/s_1.png', 'labeldata/train/s_1.png')


@pytest.mark.parametrize(
    ('files', 'options', 'message'),
    [
        ((), (), 'has no image folder; expected in it: rawdata with labeldata (singlegreen) or x with y'),
        (PAIR, ('--kind', 'urbanisation'), 'has no image folder; expected in it: x with y (urbanisation)'),
        ((*PAIR, 'x/train/a.png'), (), 'holds both "rawdata" and "x"; say which with --kind'),
        (('rawdata/readme.md',), (), 'rawdata" holds no image (.png .jpg'),
        ((*PAIR, 'rawdata/val/readme.md'), (), 'val" holds no image'),
        ((*PAIR, 'rawdata/train/b.png', 'rawdata/train/c.png'), (), '2 of 3 images without a label'),
        ((*PAIR, 'rawdata/train/b.png'), (), 'the first is rawdata/train/b.png; add the labels'),
        (('rawdata/train/a.png',), (), '1 of 1 image without a label'),
        (('rawdata/test/a.png', 'rawdata/test/b.png', 'labeldata/test/a.png'), (), '1 of 2 images without a label'),
        ((*PAIR, 'rawdata/train/s_1.jpg'), (), 'holds s_1.jpg and s_1.png, one stem for different files'),
        ((*PAIR, 'labeldata/train/s_1.tif'), (), 'holds s_1.png and s_1.tif, one stem for different files'),
        (PAIR, ('--ratio', '1', '1', '1'), 'is divided already (train); leave out --ratio'),
        (PAIR, ('--scene', 'naip'), 'finds no scene in "s_1"'),
        (PAIR, ('--test-images-only',), '--test-images-only has no effect on .txt lists'),
        ((*PAIR, 'rawdata/val/s_2.png', 'labeldata/val/s_2.png'), ('--scene', 's'), 'scene "s" is in train and in val'),
        (('rawdata/a.png', 'labeldata/a.png'), (), 'divide its 1 image with --ratio'),
        (('rawdata/a.png', 'labeldata/a.png'), ('--ratio', '7', '2', '1'), '1 scene cannot fill 3 splits'),
        (('rawdata/a.png', 'rawdata/b.png'), ('--ratio', '1', '1', '0'), '2 of 2 images without a label'),
    ],
)
def test_a_wrong_tree_is_refused_and_nothing_written(tmp_path, capsys, files, options, message):
    make_files(tmp_path, *files)
    assert run(tmp_path, *options) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert message in error
    assert files_below(tmp_path) == sorted(files)


def test_an_empty_image_folder_is_refused(tmp_path, capsys):
    (tmp_path / 'rawdata' / 'train').mkdir(parents=True)
    assert run(tmp_path) == 2
    assert f'{Path("rawdata", "train")}" holds no image' in capsys.readouterr().err
    assert files_below(tmp_path) == []


def test_a_missing_root_is_refused(tmp_path, capsys):
    assert run(tmp_path / 'gone') == 2
    assert 'gone" is not a folder' in capsys.readouterr().err


def test_one_existing_list_stops_all_until_forced(tmp_path, capsys):
    make_tree(tmp_path, 'rawdata', 'labeldata', train=['a'], val=['b'])
    make_files(tmp_path, 'splits/val.txt')
    assert run(tmp_path) == 2
    assert 'val.txt" exists: --force' in capsys.readouterr().err
    assert texts(tmp_path / 'splits') == {'val.txt': ''}
    assert run(tmp_path, '--force') == 0
    assert texts(tmp_path / 'splits') == {'train.txt': 'a\n', 'val.txt': 'b\n'}


@pytest.mark.parametrize(
    ('image', 'label', 'line'),
    [
        ('a.png.jpg', None, 'a.png.jpg'),  # the stem a.png would be read as a
        ('my a .png', None, 'my a .png'),  # the stem's space at the end would be lost
        ('.tif.bmp', None, '.tif'),
    ],
)
def test_stems_that_would_be_misread_are_written_with_their_suffix(image, label, line):
    assert format_line(image, label, form='txt') == line


@pytest.mark.parametrize('image', ['a\\b.png', 'a\nb.png', ' a.png', 'a\tb.png'])
def test_names_that_a_list_cannot_say_are_refused(image):
    with pytest.raises(SplitError, match=r'cannot be written in a \.lst list'):
        format_line(image, 'label.png', form='lst')


def test_help_loads_neither_the_package_nor_torch():
    code = (
        'import runpy, sys\nsys.argv[1:] = ["--help"]\n'
        f'try: runpy.run_path({str(TOOL)!r}, run_name="__main__")\n'
        'except SystemExit: print("loaded:", sorted({"torch", "numpy", "mmseg_aux_hrnet"} & set(sys.modules)))'
    )
    shown = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == 'loaded: []'
    assert all(kind in shown for kind in LAYOUTS)


@pytest.mark.skipif(
    not REAL.is_dir(), reason='needs the folder shared beside the repository: real images and reference numbers'
)
@pytest.mark.parametrize(
    ('name', 'lists', 'options', 'names'),
    [
        ('green', 'splits', [], ['train.txt', 'val.txt', 'test.txt']),
        ('urban', 'list', ['--test-images-only'], ['train.lst', 'val.lst', 'trainval.lst', 'test.lst']),
    ],
)
def test_the_lists_of_the_real_images_are_met(tmp_path, name, lists, options, names):
    assert run(REAL / name, '--out', tmp_path, '--scene', r'^(dubai_t\d+|naip_[a-z]+2020)_', *options) == 0
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    for file in names:
        ours, theirs = read_split(tmp_path / file), read_split(REAL / name / lists / file)
        assert [entry[:2] for entry in ours] == [entry[:2] for entry in theirs]


def write_tiles(root, *, step, crs=lambda index: 'EPSG:32633', count=8, side=20):
    """Write a square of georeferenced tiles of 20 x 20 m, ``step`` metres apart, into one folder."""
    for index in range(count * count):
        transform = METRE @ METRE.translation(index % count * step, index // count * step)
        for folder in ('rawdata', 'labeldata'):
            (root / folder).mkdir(parents=True, exist_ok=True)
            values = np.zeros((3, side, side) if folder == 'rawdata' else (side, side), np.uint8)
            write_raster(root / folder / f't{index:02d}.tif', values, transform=transform, crs=crs(index))


def listed_ground(root):
    """Return the ground of each list, by the transforms of its files."""
    grounds = {}
    for split, text in texts(root / 'splits').items():
        boxes = []
        for stem in text.split():
            with rasterio.open(root / 'rawdata' / f'{stem}.tif') as tile:
                boxes.append(shapely.box(*tile.bounds))
        grounds[split] = shapely.union_all(boxes)
    return grounds


RATIO = ('--ratio', '0.6', '0.2', '0.2')


@pytest.mark.parametrize('step', [20, 10])
def test_blocks_of_ground_are_in_one_split(tmp_path, capsys, step):
    write_tiles(tmp_path, step=step)
    assert run(tmp_path, *RATIO, '--block', 40) == 0
    *counts, checked = (line for line in capsys.readouterr().out.splitlines() if not line.startswith('left out'))
    assert checked == 'ground: blocks of 40 m; checked: 0 pairs of images in two splits share ground'
    listed = [int(line.split()[1]) for line in counts]
    assert sum(listed) == 64 if step == 20 else 20 < sum(listed) < 64
    train, val, test = (listed_ground(tmp_path)[f'{split}.txt'] for split in ('train', 'val', 'test'))
    assert train.intersection(test).area == train.intersection(val).area == val.intersection(test).area == 0


def test_images_that_share_ground_are_left_out_with_their_count(tmp_path, capsys):
    write_tiles(tmp_path, step=10)
    assert run(tmp_path, *RATIO, '--block', 40) == 0
    listed = {stem for text in texts(tmp_path / 'splits').values() for stem in text.split()}
    others = sorted({f't{index:02d}' for index in range(64)} - listed)
    said = f'left out: {len(others)} images that share ground with another split, the first is {others[0]}'
    assert said in capsys.readouterr().out


def test_the_seed_decides_and_the_lists_stay_the_same(tmp_path):
    write_tiles(tmp_path, step=20)
    lists = []
    for seed in (0, 0, 1):
        assert run(tmp_path, *RATIO, '--block', 40, '--seed', seed, '--force') == 0
        lists.append(texts(tmp_path / 'splits'))
    assert lists[0] == lists[1] != lists[2]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (('--block', '0'), 'a block of 0 m is not possible'),
        (('--block', '100000'), '1 block of 100000 m cannot fill 3 splits'),
        (('--block', '40', '--scene', 't'), '--block divides by ground and --scene by names; give one of them'),
    ],
)
def test_blocks_that_are_not_possible_are_refused(tmp_path, capsys, options, message):
    write_tiles(tmp_path, step=20, count=3)
    assert run(tmp_path, *RATIO, *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'splits').exists()


@pytest.mark.parametrize('bare', ['plain', 'without system'])
def test_blocks_of_images_without_georeference_are_refused(tmp_path, capsys, bare):
    if bare == 'plain':
        make_files(tmp_path, *(f'{folder}/t{index}.png' for folder in ('rawdata', 'labeldata') for index in range(9)))
    else:
        write_tiles(tmp_path, step=20, count=3, crs=lambda index: None if index % 2 else 'EPSG:32633')
    assert run(tmp_path, *RATIO, '--block', 40) == 2
    count = 9 if bare == 'plain' else 4
    assert f'{count} of 9 images do not say where they lie' in (said := capsys.readouterr().err)
    assert said.strip().endswith('with --scene')


def test_blocks_of_a_tree_are_refused(tmp_path, capsys):
    make_tree(tmp_path, 'rawdata', 'labeldata', train=['a'], val=['b'])
    assert run(tmp_path, '--block', 40) == 2
    assert 'is divided already (train, val); leave out --ratio and --block' in capsys.readouterr().err
