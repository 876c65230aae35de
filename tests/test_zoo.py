"""The zoo: networks that come with the package are checked, predict, and start trainings."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmseg.registry import MODELS
from raster_support import noise, write_raster
from tests_support import write_green_root
from tool_support import CONFIG as AUX
from tool_support import REPO, SMALL, heard

import mmseg_aux_hrnet
from mmseg_aux_hrnet.bands import Bands
from mmseg_aux_hrnet.datasets import SingleGreenDataset
from mmseg_aux_hrnet.errors import CheckpointError, ConfigError, DataError
from mmseg_aux_hrnet.maps import MapSettings, Predictor
from mmseg_aux_hrnet.maps.predict.planning import plan_map
from mmseg_aux_hrnet.run.config import datasets_of, load_config, set_data_root
from mmseg_aux_hrnet.weights import read_checkpoint, zoo
from mmseg_aux_hrnet.weights.writing import checkpoint_bytes

ADAMW = mmseg_aux_hrnet.config('hrnet/fcn_hr18s-v1_256x256_1500it_singlegreen-adamw.py')  # averages weights
CONFIG = 'zoo/fcn_hr18s-v1_256x256_5000it_green.py'
METRES = rasterio.Affine(0.6, 0, 400000, 0, -0.6, 3800000)


def built():
    config = Config.fromfile(mmseg_aux_hrnet.config(CONFIG))
    return MODELS.build(config.model)


@pytest.fixture
def grass(tmp_path, monkeypatch):
    """A zoo of one network of random weights; its file."""
    monkeypatch.setattr(zoo, 'FOLDER', tmp_path / 'zoo')
    return write_zoo(tmp_path / 'zoo')


def write_zoo(folder, classes=('background', 'green')):
    torch.manual_seed(0)
    meta = {'dataset_meta': {**SingleGreenDataset.METAINFO, 'classes': classes, 'gsd': 0.3}}
    weights = {key: value.half() if value.is_floating_point() else value for key, value in built().state_dict().items()}
    path = folder / 'grass_toy.safetensors'
    folder.mkdir(exist_ok=True)
    path.write_bytes(checkpoint_bytes({'meta': meta, 'state_dict': weights}, suffix='.safetensors'))
    path.with_name('grass.md').write_text('# grass\n\nWhat it is for.\n', encoding='utf-8')
    record = {
        'file': path.name,
        'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
        'config': CONFIG,
        'title': 'grass in colour, 0.3 m',
        'gsd': 0.3,
        'gsd_range': [0.3, 0.5],
    }
    path.with_name('grass.json').write_text(json.dumps(record), encoding='utf-8')
    return path


@pytest.fixture
def raster(tmp_path):
    return write_raster(tmp_path / 'ortho.tif', noise(3, (40, 60)), transform=METRES, crs='EPSG:26911')


SHIPPED = sorted(zoo.zoo_models())


@pytest.mark.parametrize('name', SHIPPED)
def test_what_ships_is_whole_and_described(name):
    model, path = zoo.zoo_model(name)
    assert path.name.startswith(f'{name}_')
    assert path.stat().st_size < 8e6
    record = json.loads((zoo.FOLDER / f'{name}.json').read_text(encoding='utf-8'))
    text = zoo.card(name)
    assert text.startswith(f'# {name}: {model.title}\n')
    assert '{' not in text.replace("{'seed': 0}", '')  # a placeholder that was not filled in
    assert all(f'{one["iou"]:.1f} (' in text for one in record['tests'].values())
    assert record['float16']['changed'] * 10_000 <= record['float16']['pixels']
    assert {path.name for path in zoo.FOLDER.iterdir()} >= {path.name, f'{name}.json', f'{name}.md'}


@pytest.mark.skipif('green' not in SHIPPED, reason='this package came without it')
def test_green_finds_the_trees_of_four_blocks(tmp_path):
    result = heard('predict_raster', 'green', REPO / 'docs/santa_monica.tif', '--out', tmp_path, '--device', 'cpu')
    assert result.returncode == 0, result.stderr
    with rasterio.open(tmp_path / 'santa_monica_classes.tif') as made:
        classes = made.read(1)
        assert (made.tags()['THRESHOLD'], made.tags()['GSD']) == ('green from 0.5', '0.3')
    assert set(np.unique(classes)) == {0, 1}
    assert 0.25 < classes.mean() < 0.55  # 0.4 by eye and by other networks; another luck of training moves it


def test_the_list_and_a_card(grass):
    listed = heard('zoo')
    assert listed.returncode == 0
    assert any(
        line.startswith('grass ') and line.endswith('grass in colour, 0.3 m') for line in listed.stdout.splitlines()
    )
    assert heard('zoo', 'grass').stdout.startswith('# grass\n')
    unknown = heard('zoo', 'trees')
    assert (unknown.returncode, unknown.stdout) == (2, '')
    assert unknown.stderr.startswith("error: 'trees' is not in the zoo: it has ")
    assert 'grass' in unknown.stderr


def test_another_file_in_its_place_is_found_out(grass):
    content = bytearray(grass.read_bytes())
    content[-1] ^= 1
    grass.write_bytes(content)
    with pytest.raises(CheckpointError, match=r'grass_toy.safetensors is damaged or another file: .* install the'):
        Predictor.from_zoo('grass')
    grass.unlink()
    with pytest.raises(CheckpointError, match=r'grass_toy.safetensors cannot be read .* install the package again'):
        zoo.zoo_model('grass')
    with pytest.raises(ConfigError, match="'trees' is not in the zoo: it has grass; see tools/zoo.py"):
        Predictor.from_zoo('zoo://trees')


def test_damage_is_one_line(grass, raster, tmp_path):
    grass.write_bytes(grass.read_bytes()[:1000])
    result = heard('predict_raster', 'grass', raster, '--out', tmp_path / 'maps')
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    assert not (tmp_path / 'maps').exists()
    grass.with_name('grass.json').write_text('{"file": 3}', encoding='utf-8')
    listed = heard('zoo')
    assert (listed.returncode, len(listed.stderr.splitlines())) == (2, 1)
    assert 'grass.json is damaged (KeyError' in listed.stderr


def test_it_predicts_as_its_files_do(grass):
    predictor = Predictor.from_zoo('grass', device='cpu')
    files = Predictor.from_files(mmseg_aux_hrnet.config(CONFIG), grass, device='cpu')
    image = np.moveaxis(noise(3, (40, 60)), 0, -1).copy()
    np.testing.assert_array_equal(predictor(image), files(image))


DOUBT = '; it was trained on images of 0.3 to 0.5 m, so this map may be worse'


@pytest.mark.parametrize(
    ('metres', 'factor', 'doubt'), [(0.3, 1, ''), (0.4, 4 / 3, ''), (0.6, 2, DOUBT), (0.15, 0.5, DOUBT)]
)
def test_rasters_are_shown_at_its_own_sampling(grass, tmp_path, metres, factor, doubt):
    place = METRES @ rasterio.Affine.scale(metres / 0.6)
    path = write_raster(tmp_path / 'ortho.tif', noise(3, (40, 60)), transform=place, crs='EPSG:26911')
    predictor = Predictor.from_zoo('grass', device='cpu')
    plan = plan_map(predictor, path, MapSettings())
    assert plan.conditions['gsd'] == 0.3
    assert getattr(plan.model, 'factors', (1, 1)) == pytest.approx((factor, factor), rel=0.01)
    text = f'its pixels are {metres} m, and the model sees them as 0.3 m (--gsd {metres} shows them as they are){doubt}'
    told = [note.removeprefix(f'{path}: ') for note in plan.notes if 'its pixels are' in note]
    assert told == ([] if factor == 1 else [text])
    assert plan_map(predictor, path, MapSettings(gsd=metres)).conditions['gsd'] == metres


def test_a_raster_too_coarse_is_refused_and_a_sampling_it_does_not_know_is_told(grass, tmp_path):
    place = METRES @ rasterio.Affine.scale(2 / 0.6)
    path = write_raster(tmp_path / 'coarse.tif', noise(3, (40, 60)), transform=place, crs='EPSG:26911')
    predictor = Predictor.from_zoo('grass', device='cpu')
    with pytest.raises(DataError, match=r'its pixels are 2 m, which is too coarse .* pixels of 1\.2 m or less') as told:
        plan_map(predictor, path, MapSettings())
    assert '--gsd' not in str(told.value)
    doubt = f'{path}: the model sees it as images of 2 m{DOUBT}'
    assert doubt in plan_map(predictor, path, MapSettings(gsd=2)).notes
    assert not [note for note in plan_map(predictor, path, MapSettings(gsd=0.5)).notes if 'trained' in note]


def test_a_raster_that_does_not_say_its_sampling_is_taken_as_it_is(grass, tmp_path):
    bare = write_raster(tmp_path / 'bare.tif', noise(3, (40, 60)), crs=None)
    plan = plan_map(Predictor.from_zoo('grass', device='cpu'), bare, MapSettings())
    assert plan.conditions['gsd'] is None
    assert any('the size of its pixels is unknown' in note for note in plan.notes)


def test_the_command_takes_its_name(grass, raster, tmp_path):
    result = heard('predict_raster', 'grass', raster, '--out', tmp_path / 'maps', '--device', 'cpu')
    assert result.returncode == 0, result.stderr
    assert 'its pixels are 0.6 m, and the model sees them as 0.3 m' in result.stderr
    with rasterio.open(tmp_path / 'maps/ortho_classes.tif') as made:
        assert made.tags()['GSD'] == '0.3'
        assert made.tags()['MODEL'] == 'grass_toy.safetensors'
    between = heard('predict_raster', 'grass', '--out', tmp_path / 'again', '--device', 'cpu', raster)
    assert between.returncode == 0, between.stderr
    unknown = heard('predict_raster', 'trees', raster, raster, '--out', tmp_path / 'none')
    assert unknown.stderr == "error: 'trees' is not in the zoo: it has grass; see tools/zoo.py\n"
    short = heard('predict_raster', 'grass', '--out', tmp_path / 'none')
    assert short.returncode == 2
    assert 'give CONFIG CHECKPOINT IN..., or NAME IN... with a network of the zoo: grass' in short.stderr


def test_mmengine_loads_it_by_its_name(grass):
    model = built()
    checkpoint = load_checkpoint(model, 'zoo://grass', strict=True, logger='silent')
    assert checkpoint['meta']['dataset_meta']['classes'] == ('background', 'green')
    stored = read_checkpoint(grass)['state_dict']
    assert all(torch.equal(value, stored[key].to(value.dtype)) for key, value in model.state_dict().items())
    with pytest.raises(ConfigError, match='is not in the zoo'):
        load_checkpoint(model, 'zoo://trees')


def test_what_starts_anew(grass):
    model = built()
    same = {'classes': ('background', 'green'), 'bands': Bands()}
    assert zoo.check_start('zoo://grass', model, **same) == ('auxiliary_head.',)
    anew = zoo.check_start('zoo://grass', model, classes=('background', 'building'), bands=Bands())
    assert 'decode_head.conv_seg.' in anew
    with pytest.raises(CheckpointError, match='zoo://grass is another network than that of this config'):
        zoo.check_start('zoo://grass', torch.nn.Linear(2, 2), **same)
    with pytest.raises(
        ConfigError, match='zoo://grass was trained on the bands red, green, blue, and .* nir, red, green'
    ):
        zoo.check_start('zoo://grass', model, **{**same, 'bands': Bands(('nir', 'red', 'green'))})


def test_a_model_of_other_bands_is_refused_by_their_number(grass):
    config = Config.fromfile(mmseg_aux_hrnet.config(CONFIG))
    config.model.backbone.in_channels = 4
    model = MODELS.build(config.model)
    with pytest.raises(ConfigError, match=r'zoo://grass is a network of 3 bands \(red, green, blue\), .* has 4: take'):
        zoo.check_start('zoo://grass', model, classes=('background', 'green'), bands=Bands())


def test_export_takes_its_name(grass, tmp_path):
    line = ('--tile-size', 64, '--fixed-size')
    made = heard('export', 'grass', tmp_path / 'a.pt2', *line)
    assert made.returncode == 0, made.stderr
    assert 'ground sampling distance unknown' not in made.stdout
    between = heard('export', 'zoo://grass', *line, tmp_path / 'b.pt2')
    assert between.returncode == 0, between.stderr
    for words in (['trees', 'a.pt2'], ['a.pt2'], ['a.py', 'b.pth', 'c.pth', 'a.pt2']):
        refused = heard('export', *words)
        assert (refused.returncode, refused.stderr.count('\n')) == (2, 1)
        assert 'grass' in refused.stderr


def test_ndvi_takes_its_name_for_a_reference_and_a_folder_of_that_name_first(grass, tmp_path, monkeypatch):
    raster = write_raster(
        tmp_path / 'a.tif', noise(4, (64, 64)), transform=METRES, crs='EPSG:26911',
        descriptions=('red', 'green', 'blue', 'nir'), colours=('red', 'green', 'blue', 'undefined'),
    )  # fmt: skip
    line = ('ndvi', raster, '--device', 'cpu', '--reference')
    made = heard(*line, 'grass', '--out', tmp_path / 'out')
    assert made.returncode == 0, made.stderr
    with rasterio.open(tmp_path / 'out/reference/a_classes.tif') as reference:
        assert (reference.tags()['MODEL'], reference.tags()['GSD']) == ('grass_toy.safetensors', '0.3')
    with rasterio.open(tmp_path / 'out/a_ndvi.tif') as mask:
        assert mask.tags()['REFERENCE'] == 'grass'
    unknown = heard(*line, 'zoo://trees', '--out', tmp_path / 'none')
    assert unknown.stderr == "error: 'trees' is not in the zoo: it has grass; see tools/zoo.py\n"
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'grass').mkdir()
    assert 'grass has no reference for 1 of 1' in heard(*line, 'grass', '--out', tmp_path / 'none').stderr


def test_its_data_root_is_set_by_the_option():
    config = load_config(mmseg_aux_hrnet.config(CONFIG))
    set_data_root(config, 'elsewhere')
    listed = list(datasets_of(config.train_dataloader.dataset))
    assert [part.ann_file for part in listed] == ['splits/tv_others.lst', 'splits/tv_dubai.lst']
    assert {part.data_root for part in (*listed, config.val_dataloader.dataset)} == {'elsewhere'}


@pytest.mark.slow  # trains
@pytest.mark.parametrize(('leaf', 'others'), [(AUX, False), (ADAMW, True)])
def test_training_and_testing_by_load_from(grass, tmp_path, leaf, others):
    if others:
        write_zoo(grass.parent, classes=('bare', 'grass'))
    write_green_root(tmp_path / 'root')
    work = tmp_path / 'work'
    options = [*SMALL, 'train_cfg.max_iters=1', 'load_from=zoo://grass', 'optim_wrapper.optimizer.lr=0.0']
    result = heard('train', leaf, '--data-root', tmp_path / 'root', '--work-dir', work, '--cfg-options', *options)
    assert result.returncode == 0, result.stderr
    log = ''.join(path.read_text() for path in work.glob('*/*.log'))
    assert 'training starts from zoo://grass' in log
    assert ('its classifier starts anew, because it knows bare, grass' in log) == others
    start, end = (read_checkpoint(path)['state_dict'] for path in (grass, work / 'iter_1.pth'))
    moved = {key for key in start if 'running' not in key and not torch.equal(start[key].to(end[key].dtype), end[key])}
    moved = {key for key in moved if not key.endswith('tracked')}
    assert moved == ({f'decode_head.conv_seg.{part}' for part in ('weight', 'bias')} if others else set())
    # What the training started from takes no part in a test.
    words = ['--work-dir', tmp_path / 'test', '--cfg-options', 'load_from=gone.pth']
    tested = heard('test', work / f'{Path(leaf).stem}.py', work, *words)
    assert tested.returncode == 0, tested.stderr
