"""The way of described tiles through the tools, for two classes and for twelve, by one config."""

import json

import numpy as np
import pyogrio
import pytest
import rasterio
from PIL import Image
from raster_support import METRE, write_raster
from tests_support import tile_description, write_tile_root
from tool_support import REPO, heard, run_here

from mmseg_aux_hrnet.weights import Checkpoint

LEAF = REPO / 'configs/tiles/fcn_aux-hr18s-v1.py'
FEW = [
    'train_cfg.max_iters=4',
    'train_cfg.val_interval=2',
    'default_hooks.checkpoint.interval=2',
    'train_dataloader.batch_size=2',
    'train_dataloader.dataset.pipeline.2.crop_size=(64,64)',
    'model.data_preprocessor.size=(64,64)',
    *(f'{part}_dataloader.num_workers=0' for part in ('train', 'val', 'test')),
]
VALUES = {0: None, 1: 0, 2: 1, 5: 2}


def train(root, work_dir):
    """Train for four iterations; return the config that this writes."""
    assert run_here('train', LEAF, '--data-root', root, '--work-dir', work_dir, '--seed', 0, '--cfg-options', *FEW) == 0
    return work_dir / LEAF.name


def checked(root):
    assert run_here('check_dataset', root, '--json', 'found.json') == 0
    return json.loads(open('found.json', encoding='utf-8').read())


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_raster(tmp_path / 'a.tif', np.random.default_rng(0).integers(0, 256, (3, 64, 96), np.uint8), transform=METRE)
    return tmp_path


@pytest.mark.slow  # a training, tests, maps and an export
@pytest.mark.parametrize(('classes', 'layout'), [(2, 'singlegreen'), (12, 'urbanisation')])
def test_tiles_of_any_classes_go_all_the_way(made, classes, layout):
    root, names = write_tile_root(made / 'data', classes, layout=layout), tile_description(classes).classes.names
    assert checked(root)['counts']['fault'] == 0
    config = train(root, made / 'work')
    assert Checkpoint(made / 'work/iter_4.pth').meta['dataset_meta']['classes'] == names
    best = list((made / 'work').glob('best_IoU.green_*' if classes == 2 else 'best_mIoU_*'))
    assert len(best) == 1
    for source, extra in ((config, []), (LEAF, ['--data-root', root])):  # filled by training, and by the checkpoint
        asked = [*extra, '--report', 'report', '--overwrite', '--out', 'predicted', '--work-dir', 'tested']
        assert run_here('test', source, 'work', *asked, '--cfg-options', *FEW[-1:]) == 0
        content = json.loads((made / 'report/metrics.json').read_text(encoding='utf-8'))
        assert [one['name'] for one in content['classes']] == [*names]
        assert content['class_of_interest'] == ('green' if classes == 2 else None)
    folder = 'labeldata' if layout == 'singlegreen' else 'y'
    assert run_here('evaluate', 'predicted', root / folder / 'test', '--config', config) == 0
    for source, out in ((config, 'maps'), (LEAF, 'others')):
        assert run_here('predict_raster', source, 'work', 'a.tif', '--out', out, '--window', 64) == 0
    with rasterio.open('maps/a_classes.tif') as first, rasterio.open('others/a_classes.tif') as second:
        assert np.array_equal(first.read(), second.read())
    assert run_here('polygonize', 'maps/a_classes.tif', 'a.gpkg', '--of', ','.join(names)) == 0
    assert pyogrio.read_info('a.gpkg', layer='a')['features'] > 0
    assert run_here('area', 'maps/a_classes.tif', '--out', 'a.csv') == 0
    assert names[-1] in (made / 'a.csv').read_text(encoding='utf-8')
    assert run_here('export', LEAF, 'work', 'a.pt2', '--tile-size', 64) == 0


@pytest.mark.slow  # a training and a test
def test_a_threshold_of_two_classes_is_kept(made):
    config = train(write_tile_root(made / 'data', 2), made / 'work')
    assert run_here('test', config, 'work', '--sweep', '--report', 'report', '--work-dir', 'tested') == 0
    assert run_here('set_threshold', 'work', 'set.pth', '--from', 'report') == 0
    assert run_here('predict_raster', config, 'set.pth', 'a.tif', '--out', 'maps', '--window', 64) == 0
    with rasterio.open('maps/a_classes.tif') as written:
        assert written.tags()['THRESHOLD'].startswith('green from')


@pytest.mark.slow  # a training and a test
def test_labels_of_other_values_go_all_the_way(made):
    root = write_tile_root(made / 'data', 3, label_values=VALUES)
    found = checked(root)
    assert found['counts']['fault'] == 0
    config = train(root, made / 'work')
    kept = Checkpoint(made / 'work/iter_4.pth').meta['dataset_meta']['label_values']
    assert kept == {0: 'ignore', 1: 0, 2: 1, 5: 2}
    assert run_here('test', config, 'work', '--out', 'predicted', '--report', 'tested', '--work-dir', 't') == 0
    labels = root / 'labeldata/test'
    asked = ['--classes', 'background,green,roof', '--label-values', '0=ignore,1=0,2=1,5=2', '--report', 'evaluated']
    assert run_here('evaluate', 'predicted', labels, *asked) == 0
    assert run_here('evaluate', 'predicted', labels, '--config', config, '--report', 'by_config') == 0
    reports = [made / name / 'metrics.json' for name in ('tested', 'evaluated', 'by_config')]
    one, *others = (json.loads(path.read_text(encoding='utf-8')) for path in reports)
    for other in others:
        assert [each['iou'] for each in other['classes']] == [each['iou'] for each in one['classes']]
    refused = heard('evaluate', 'predicted', labels, '--classes', 'background,green,roof')
    assert refused.returncode == 2 and 'value 5' in refused.stderr


def test_the_doctor_takes_label_values(made):
    root = write_tile_root(made / 'data', 3)
    for path in root.glob('labeldata/*/*.png'):
        Image.fromarray(np.asarray(Image.open(path)) + np.uint8(1)).save(path)
    assert run_here('check_dataset', root) == 1
    assert run_here('check_dataset', root, '--label-values', '1=0,2=1,3=2') == 0
    refused = heard('check_dataset', root, '--label-values', '1=0,2=1,3=2', '--label-format', 'palette')
    assert refused.returncode == 2 and "label_values is for label_format='index'" in refused.stderr
    assert heard('check_dataset', root, '--label-values', '1').returncode == 2


def test_a_data_root_without_description_gives_one_line(made):
    (made / 'empty').mkdir()
    ran = heard('train', LEAF, '--data-root', 'empty', '--work-dir', 'work')
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert 'dataset.json cannot be read' in line and 'tools/make_tiles.py' in line
