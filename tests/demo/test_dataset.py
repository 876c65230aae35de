"""Demo data on disk: written whole or not at all, reused if the same, never in place of other data."""

import json

import numpy as np
import pytest
from PIL import Image
from tool_support import REPO, run_here

from mmseg_aux_hrnet.datasets.single_green import SingleGreenDataset
from mmseg_aux_hrnet.datasets.splits import read_split
from mmseg_aux_hrnet.demo import dataset
from mmseg_aux_hrnet.demo.dataset import scene_seed, write_demo_data
from mmseg_aux_hrnet.demo.scenes import draw_scene
from mmseg_aux_hrnet.errors import DataError, SplitError

STEMS = {'train': ['a', 'b'], 'val': ['c'], 'test': ['d']}


def small_scene(seed):
    return draw_scene(seed, height_width=(24, 32))


@pytest.fixture(autouse=True)
def small_scenes(monkeypatch):
    monkeypatch.setattr(dataset, 'draw_scene', small_scene)


@pytest.fixture
def lists(tmp_path):
    folder = tmp_path / 'lists'
    folder.mkdir()
    for split, stems in STEMS.items():
        (folder / f'{split}.txt').write_text('\n'.join(stems), encoding='utf-8')
    return folder


@pytest.fixture
def root(tmp_path, lists):
    write_demo_data(tmp_path / 'demo', lists_dir=lists, seed=0)
    return tmp_path / 'demo'


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_the_tree_holds_pictures_labels_lists_and_the_marker(root):
    scenes = [
        f'{kind}/{split}/{stem}.png' for kind in ('rawdata', 'labeldata') for split in STEMS for stem in STEMS[split]
    ]
    assert sorted(files(root)) == sorted([*scenes, *(f'splits/{split}.txt' for split in STEMS), 'demo.json'])
    assert (root / 'splits' / 'train.txt').read_bytes() == b'a\nb\n'
    assert not list(root.parent.glob('demo.*'))


def test_files_hold_the_scene_of_their_name(root):
    scene = small_scene(scene_seed(0, split='train', stem='b'))
    label = Image.open(root / 'labeldata' / 'train' / 'b.png')
    assert label.mode == 'P'
    assert label.getpalette()[:6] == [0, 0, 0, 128, 0, 0]
    assert np.array_equal(np.asarray(label), scene.label)
    assert np.array_equal(np.asarray(Image.open(root / 'rawdata' / 'train' / 'b.png')), scene.image)


def test_the_data_set_class_reads_it(root):
    data = SingleGreenDataset(
        ann_file='splits/train.txt',
        data_root=str(root),
        data_prefix={'img_path': 'rawdata/train', 'seg_map_path': 'labeldata/train'},
        pipeline=[{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}],
    )
    scene = small_scene(scene_seed(0, split='train', stem='a'))
    assert len(data) == 2
    assert np.array_equal(data[0]['gt_seg_map'], scene.label)


def test_the_same_data_is_kept(root, lists):
    before, seen = files(root), []
    again = write_demo_data(root, lists_dir=lists, seed=0, on_scene=lambda *at: seen.append(at))
    assert again.reused
    assert seen == []
    assert files(root) == before


def test_the_report_counts_scenes_and_green(tmp_path, lists):
    seen = []
    data = write_demo_data(tmp_path / 'new', lists_dir=lists, seed=0, on_scene=lambda *at: seen.append(at))
    labels = [small_scene(scene_seed(0, split='train', stem=stem)).label for stem in 'ab']
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (data.counts, data.reused) == ({'train': 2, 'val': 1, 'test': 1}, False)
    assert data.green['train'] == pytest.approx(np.mean(labels))


def test_another_seed_needs_force(root, lists):
    before = files(root)
    with pytest.raises(DataError, match='--force'):
        write_demo_data(root, lists_dir=lists, seed=1)
    assert files(root) == before
    assert not write_demo_data(root, lists_dir=lists, seed=1, force=True).reused
    assert json.loads((root / 'demo.json').read_text(encoding='utf-8'))['seed'] == 1
    assert files(root)['rawdata/val/c.png'] != before['rawdata/val/c.png']
    assert sorted(path.name for path in root.parent.iterdir()) == ['demo', 'lists']


def test_a_missing_file_is_noticed_and_restored(root, lists):
    before = files(root)
    (root / 'labeldata' / 'val' / 'c.png').unlink()
    with pytest.raises(DataError, match='--force'):
        write_demo_data(root, lists_dir=lists, seed=0)
    write_demo_data(root, lists_dir=lists, seed=0, force=True)
    assert files(root) == before


def test_another_generator_version_is_not_reused(root, lists, monkeypatch):
    monkeypatch.setattr(dataset, 'GENERATOR_VERSION', dataset.GENERATOR_VERSION + 1)
    with pytest.raises(DataError, match='version'):
        write_demo_data(root, lists_dir=lists, seed=0)


@pytest.mark.parametrize('with_marker', [False, True])
def test_other_data_is_never_replaced(root, lists, with_marker):
    (root / ('notes.txt' if with_marker else 'splits/mine.txt')).write_text('mine', encoding='utf-8')
    if not with_marker:
        (root / 'demo.json').unlink()
    before = files(root)
    with pytest.raises(DataError, match='not demo data'):
        write_demo_data(root, lists_dir=lists, seed=1, force=True)
    assert files(root) == before


def test_an_interrupted_run_leaves_nothing_that_looks_whole(tmp_path, lists):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo_data(tmp_path / 'demo', lists_dir=lists, seed=0, on_scene=stop)
    assert not (tmp_path / 'demo').exists()
    write_demo_data(tmp_path / 'demo', lists_dir=lists, seed=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['demo', 'lists']


@pytest.mark.parametrize('out', ['demo', 'demo/.'])
def test_an_empty_folder_is_filled(tmp_path, lists, out, monkeypatch):
    (tmp_path / 'demo').mkdir()
    monkeypatch.chdir(tmp_path)
    write_demo_data(out, lists_dir=lists, seed=0)
    assert (tmp_path / 'demo' / 'demo.json').is_file()


@pytest.mark.parametrize('name', ['demo.part', 'demo.replaced'])
def test_folders_beside_it_are_left_alone(tmp_path, lists, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / 'mine').touch()
    for seed in (0, 1):
        write_demo_data(tmp_path / 'demo', lists_dir=lists, seed=seed, force=True)
    assert (tmp_path / name / 'mine').is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['demo', name, 'lists']


@pytest.mark.parametrize('out', ['file', 'file/demo'])
def test_a_file_in_the_way_is_one_line(tmp_path, lists, out):
    (tmp_path / 'file').touch()
    with pytest.raises(DataError, match='--out') as caught:
        write_demo_data(tmp_path / out, lists_dir=lists, seed=0, force=True)
    assert '\n' not in str(caught.value)


def test_a_missing_list_is_named(tmp_path, lists):
    (lists / 'val.txt').unlink()
    with pytest.raises(SplitError, match=r'val\.txt'):
        write_demo_data(tmp_path / 'demo', lists_dir=lists, seed=0)


def test_seeds_differ_by_seed_split_and_stem():
    seeds = {scene_seed(seed, split=split, stem=stem) for seed in (0, 1) for split in STEMS for stem in 'ab'}
    assert len(seeds) == 12


def test_the_committed_lists_share_no_scene():
    stems = {split: [entry.image for entry in read_split(REPO / 'splits' / 'demo' / f'{split}.txt')] for split in STEMS}
    assert {split: len(names) for split, names in stems.items()} == {'train': 48, 'val': 12, 'test': 16}
    assert len({name for names in stems.values() for name in names}) == 76


def test_the_tool_reports_and_fails_in_one_line(tmp_path, lists, capsys):
    args = ['make_demo_data', '--out', tmp_path / 'demo', '--lists', lists]
    assert run_here(*args) == 0
    assert 'train   2 scenes' in capsys.readouterr().out
    assert run_here(*args) == 0
    assert 'kept' in capsys.readouterr().out
    assert run_here(*args, '--seed', 1) == 2
    assert capsys.readouterr().err.strip().startswith('error: ')
