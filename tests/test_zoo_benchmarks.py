"""benchmarks/zoo_*.py: what a network of the zoo is trained on, what is said of it, and going on from it."""

import hashlib
import importlib.util
import json
import sys

import numpy as np
import pytest
import torch
from affine import Affine
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image
from raster_support import noise, write_raster
from tool_support import REPO

import mmseg_aux_hrnet
from mmseg_aux_hrnet.datasets import SingleGreenDataset
from mmseg_aux_hrnet.weights import zoo

FOLDER = REPO / 'benchmarks'
STEMS = {
    'train': ('dubai_t8_r0c0', 'naip_chico2020_1', 'chico2020_2'),
    'val': ('dubai_t1_r0c0', 'naip_longbeach2020_1', 'longbeach2020_2'),
    'test': ('dubai_t4_r0c0', 'naip_santamonica2020_1', 'santamonica2016_2'),
}


@pytest.fixture(scope='module')
def scripts():
    sys.path.insert(0, str(FOLDER))
    modules = {}
    for name in ('zoo_data', 'zoo_card', 'zoo_finetune'):
        spec = importlib.util.spec_from_file_location(name, FOLDER / f'{name}.py')
        modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(modules[name])
    yield modules
    sys.path.remove(str(FOLDER))


def write_label(path, *, seed):
    label = Image.fromarray(np.random.default_rng(seed).integers(0, 2, (32, 32), np.uint8), mode='P')
    label.putpalette([0, 0, 0, 128, 0, 0])
    path.parent.mkdir(parents=True, exist_ok=True)
    label.save(path)


@pytest.fixture(scope='module')
def joined(scripts, tmp_path_factory):
    """The joined data of three tiles a split, and what they were made of."""
    data = tmp_path_factory.mktemp('data')
    for seed, (split, stems) in enumerate(STEMS.items()):
        for source, names in (('green', stems[:2]), ('naip4', stems[2:])):
            (data / source / 'splits').mkdir(parents=True, exist_ok=True)
            (data / source / f'splits/{split}.txt').write_text('\n'.join(names) + '\n')
            (data / source / f'rawdata/{split}').mkdir(parents=True)
            for name in names:
                write_label(data / source / f'labeldata/{split}/{name}.png', seed=seed)
                image = data / source / f'rawdata/{split}/{name}'
                if source == 'naip4':
                    write_raster(image.with_suffix('.tif'), noise(4, (32, 32)))
                else:
                    Image.fromarray(np.moveaxis(noise(3, (32, 32)), 0, -1).copy()).save(image.with_suffix('.jpg'))
    scripts['zoo_data'].main([str(data), str(data / 'joined')])
    return data / 'joined'


def test_lists_of_what_is_joined(joined):
    lists = {path.name: path.read_text().split('\n')[:-1] for path in (joined / 'splits').iterdir()}
    assert lists['test.txt'] == ['dubai_t4_r0c0', 'naip_santamonica2020_1', 'naip4_santamonica2016_2']
    assert lists['test_green.txt'] == lists['test.txt'][:2]
    assert [lists[f'test_{name}.txt'] for name in ('dubai', 'naip', 'naip4')] == [[name] for name in lists['test.txt']]
    pairs = [(split, stem) for split in ('train', 'val') for stem in STEMS[split]]
    dubai = [f'rawdata/{split}/{stem}.jpg labeldata/{split}/{stem}.png' for split, stem in pairs if 'dubai' in stem]
    assert lists['tv_dubai.lst'] == dubai
    assert len(lists['tv_others.lst']) == 4
    assert not set(dubai) & set(lists['tv_others.lst'])
    assert all((joined / word).is_file() for line in lists['tv_others.lst'] for word in line.split())


def test_four_bands_become_the_first_three(joined):
    image = np.asarray(Image.open(joined / 'rawdata/test/naip4_santamonica2016_2.png'))
    np.testing.assert_array_equal(np.moveaxis(image, -1, 0), noise(4, (32, 32))[:3])


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """What a training leaves of the network of the zoo; its weights are random."""
    config = Config.fromfile(mmseg_aux_hrnet.config('zoo/fcn_hr18s-v1_256x256_5000it_green.py'))
    torch.manual_seed(0)
    state = MODELS.build(config.model).state_dict()
    config.max_iters = 7
    config.train_dataloader.dataset.datasets[0].data_root = '/somewhere'
    meta = {'cfg': config.pretty_text, 'iter': 7, 'seed': 3, 'dataset_meta': dict(SingleGreenDataset.METAINFO)}
    path = tmp_path_factory.mktemp('work') / 'iter_7.pth'
    torch.save({'meta': meta, 'state_dict': state}, path)
    return path


@pytest.mark.slow  # two tests of a network
def test_what_is_published_is_what_the_card_says(scripts, joined, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(scripts['zoo_card'], 'ONE_IN', 1)  # of random weights many pixels are near a tie
    monkeypatch.setattr(scripts['zoo_card'], 'TESTS', {'naip4': ('test_naip4.txt', (64, 64), 78)})
    monkeypatch.setattr(zoo, 'FOLDER', tmp_path)
    (tmp_path / 'green_old-12345678.safetensors').touch()
    scripts['zoo_card'].main(['green', str(checkpoint), str(joined), '--zoo', str(tmp_path)])
    model, path = zoo.zoo_model('green')
    assert {file.suffix for file in tmp_path.iterdir()} == {'.safetensors', '.json', '.md'}
    assert len(list(tmp_path.iterdir())) == 3
    assert path.name == f'green_hr18s-v1-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.safetensors'
    record, card = json.loads((tmp_path / 'green.json').read_text(encoding='utf-8')), zoo.card('green')
    assert record['trained'] == {'iterations': 7, 'seed': 3, 'changes': {'max_iters': 7}}
    assert (model.gsd, model.gsd_range) == (0.3, (0.3, 0.6))
    assert '{' not in card
    assert f'| naip4 | 1 | {scripts["zoo_card"].with_ends(record["tests"]["naip4"])} | 78, ' in card
    assert record['float16']['pixels'] == 32 * 32
    assert list(record['tests']['naip4']['places']) == ['naip4_santamonica2016']
    assert '/somewhere' not in path.read_bytes().decode('latin-1')


@pytest.mark.parametrize(
    ('changed', 'size', 'words'),
    [(2, 10, 'float16 changes 2 of 10000 pixels'), (0, 8_000_000, 'the weights take 8000000 bytes')],
)
def test_what_must_not_be_published(scripts, changed, size, words):
    with pytest.raises(SystemExit, match=words):
        scripts['zoo_card'].check({'float16': {'changed': changed, 'pixels': 10_000}}, size=size)
    scripts['zoo_card'].check({'float16': {'changed': 1, 'pixels': 10_000}}, size=10)


def test_no_place_of_the_city_is_trained_on_and_tested_on(scripts, joined, tmp_path):
    (tmp_path / 'splits').mkdir()
    stems = [f'longbeach{year}_{number}' for year in (2016, 2020) for number in range(30)]
    (tmp_path / 'splits/val.txt').write_text('\n'.join(stems) + '\n')
    (tmp_path / 'rawdata/val').mkdir(parents=True)
    for stem in stems:  # each place in two years, a pixel apart
        left = 100 * int(stem.split('_')[1]) + (stem.startswith('longbeach2020') * 0.6)
        transform = Affine(0.6, 0, left, 0, -0.6, 0)
        write_raster(tmp_path / f'rawdata/val/{stem}.tif', noise(4, (32, 32)), transform=transform)
    assert scripts['zoo_finetune'].places_of(tmp_path)[3] == ['longbeach2016_11', 'longbeach2020_11']
    scripts['zoo_finetune'].write_lists(tmp_path, joined)
    lists = {name: (joined / f'splits/city_{name}.txt').read_text().split() for name in ('test', '10', '50')}
    place_of = {name: {stem.split('_')[-1] for stem in listed} for name, listed in lists.items()}
    assert (len(lists['test']), len(place_of['test']), len(lists['10'])) == (14, 7, 10)
    assert not place_of['test'] & place_of['50']
    assert set(lists['10']) < set(lists['50'])
    assert (joined / 'splits/t_dubai.lst').read_text() == (
        'rawdata/train/dubai_t8_r0c0.jpg labeldata/train/dubai_t8_r0c0.png\n'
    )


def test_the_city_is_trained_on_by_one_recipe(scripts, tmp_path):
    config = scripts['zoo_finetune'].city_config(tmp_path, 'city_10', 500, start=tmp_path / 'zoo.pth')
    plain = scripts['zoo_finetune'].city_config(tmp_path, 'city_50', 500, start=None)
    assert (config.optim_wrapper.optimizer.lr, plain.optim_wrapper.optimizer.lr) == (5e-4, 2e-3)
    assert config.load_from == str(tmp_path / 'zoo.pth') and plain.load_from is None
    assert [(each.begin, each.end) for each in config.param_scheduler] == [(0, 50), (50, 500)]
    assert config.test_dataloader.dataset.ann_file == 'splits/city_test.txt'
