"""From a sweep on validation images to predictions by the threshold that it names, by the commands that users type."""

import json

import numpy as np
import pytest
import torch
from mmseg.apis import inference_model, init_model
from PIL import Image
from tests_support import write_green_root
from tool_support import REPO, TILES, run_here

from mmseg_aux_hrnet.models import use_threshold
from mmseg_aux_hrnet.weights import read_checkpoint

CONFIG = REPO / 'configs/hrnet/fcn_hr18s-v1_256x256_1500it_singlegreen.py'
META = {'classes': ('background', 'green'), 'palette': [[0, 0, 0], [128, 0, 0]], 'class_of_interest': 'green'}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('data') / 'green'
    write_green_root(root)
    return root


@pytest.fixture(scope='module')
def checkpoint(root, tmp_path_factory):
    """Random weights whose probabilities of green spread around one half."""
    torch.manual_seed(0)
    model = init_model(str(CONFIG), device='cpu', cfg_options={'test_pipeline.1.scale': (96, 64)})
    torch.nn.init.normal_(model.decode_head.conv_seg.weight, std=10)
    logits = inference_model(model, str(root / 'rawdata/val/val_0.png')).seg_logits.data
    with torch.no_grad():
        model.decode_head.conv_seg.bias[1] -= (logits[1] - logits[0]).median()
    path = tmp_path_factory.mktemp('weights') / 'a.pth'
    torch.save({'meta': {'dataset_meta': META}, 'state_dict': model.state_dict()}, path)
    return path


@pytest.fixture(scope='module')
def report(root, checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp('report')
    assert run_test(checkpoint, root, folder / 'w', '--split', 'val', '--report', folder / 'r') == 0
    return folder / 'r'


@pytest.fixture(scope='module')
def thresholded(checkpoint, report):
    target = checkpoint.with_name('b.pth')
    assert run_here('set_threshold', checkpoint, target, '--from', report, '--best', 'iou') == 0
    return target


def run_test(checkpoint, root, work_dir, *args, options=()):
    defaults = ['--data-root', root, '--work-dir', work_dir]
    return run_here('test', CONFIG, checkpoint, *defaults, *args, '--cfg-options', *TILES, *options)


def sweep_in(report):
    return json.loads((report / 'metrics.json').read_text(encoding='utf-8'))['threshold_sweep']


def label_map(folder):
    return np.asarray(Image.open(folder / 'test_0.png'))


def test_a_report_holds_the_sweep(report):
    metrics = json.loads((report / 'metrics.json').read_text(encoding='utf-8'))
    sweep, green = metrics['threshold_sweep'], metrics['classes'][1]
    half = sweep['thresholds'].index(0.5)
    assert (sweep['class'], metrics['run']['threshold']) == ('green', None)
    assert metrics['run']['data_list'].endswith('val.txt')
    assert {name: sweep[name][half] for name in ('precision', 'recall', 'iou', 'f1')} == {
        name: green[name] for name in ('precision', 'recall', 'iou', 'f1')
    }
    assert sum(part['pixels'] for part in sweep['reliability']) == metrics['overall']['pixels']
    assert {'threshold_curves.png', 'reliability.png'} <= {path.name for path in report.iterdir()}


def test_a_stored_threshold_gives_the_figure_that_it_was_chosen_for(root, report, thresholded, tmp_path, capsys):
    best = sweep_in(report)['best']['iou']
    held = read_checkpoint(thresholded)['meta']['threshold']
    assert held == {'class': 'green', 'value': best['threshold']}
    assert run_test(thresholded, root, tmp_path / 'w', '--split', 'val', '--report', tmp_path / 'r') == 0
    metrics = json.loads((tmp_path / 'r' / 'metrics.json').read_text(encoding='utf-8'))
    assert metrics['run']['threshold'] == held
    assert metrics['classes'][1]['iou'] == best['value'] != sweep_in(report)['iou'][500]
    assert metrics['threshold_sweep'] == sweep_in(report)
    assert 'predicts green where its probability >= ' in capsys.readouterr().out


@pytest.mark.slow  # five test runs
def test_the_option_counts_before_what_is_stored(root, checkpoint, thresholded, tmp_path):
    for name, path, options in (
        ('plain', checkpoint, []),
        ('ignored', thresholded, ['--threshold', 'argmax']),
        ('low', thresholded, ['--threshold', '0.4']),
        ('low too', checkpoint, ['--threshold', '0.4']),
        ('high', checkpoint, ['--threshold', '0.6']),
    ):
        assert run_test(path, root, tmp_path / 'w', '--out', tmp_path / name, *options) == 0
    assert np.array_equal(label_map(tmp_path / 'plain'), label_map(tmp_path / 'ignored'))
    assert np.array_equal(label_map(tmp_path / 'low'), label_map(tmp_path / 'low too'))
    shares = [label_map(tmp_path / name).mean() for name in ('low', 'plain', 'high')]
    assert 1 > shares[0] > shares[1] > shares[2] > 0


def test_written_maps_hold_the_probability_reached(root, checkpoint, tmp_path):
    assert run_test(checkpoint, root, tmp_path / 'w', '--out', tmp_path / 'maps', '--threshold', '0.37') == 0
    model = init_model(str(CONFIG), str(checkpoint), device='cpu', cfg_options={'test_pipeline.1.scale': (96, 64)})
    sample = inference_model(model, str(root / 'rawdata/test/test_0.png'))
    expected = sample.seg_logits.data.softmax(0)[1] >= 0.37
    assert np.array_equal(label_map(tmp_path / 'maps'), expected.numpy().astype(np.uint8))


def test_the_threshold_is_on_the_class_that_the_table_marks(root, checkpoint, tmp_path):
    marked = ['test_evaluator.class_of_interest=background']
    arguments = ['--out', tmp_path / 'maps', '--threshold', '0.37']
    assert run_test(checkpoint, root, tmp_path / 'w', *arguments, options=marked) == 0
    model = init_model(str(CONFIG), str(checkpoint), device='cpu', cfg_options={'test_pipeline.1.scale': (96, 64)})
    sample = inference_model(model, str(root / 'rawdata/test/test_0.png'))
    expected = sample.seg_logits.data.softmax(0)[0] < 0.37
    assert np.array_equal(label_map(tmp_path / 'maps'), expected.numpy().astype(np.uint8))


@pytest.mark.slow  # two test runs of four views
def test_averaged_predictions_are_swept_and_decided_as_probabilities(root, checkpoint, tmp_path):
    views = ['--scales', '0.5,1.0', '--flip', '--split', 'val']
    assert run_test(checkpoint, root, tmp_path / 'w', *views, '--report', tmp_path / 'a') == 0
    threshold = sweep_in(tmp_path / 'a')['best']['kappa']['threshold']
    assert run_test(checkpoint, root, tmp_path / 'w', *views, '--threshold', threshold, '--report', tmp_path / 'b') == 0
    metrics = json.loads((tmp_path / 'b' / 'metrics.json').read_text(encoding='utf-8'))
    assert metrics['overall']['kappa'] == sweep_in(tmp_path / 'a')['best']['kappa']['value']
    assert metrics['threshold_sweep'] == sweep_in(tmp_path / 'a')


def test_a_sweep_without_a_report_is_printed_and_drawn(root, checkpoint, tmp_path, capsys):
    assert run_test(checkpoint, root, tmp_path, '--sweep') == 0
    printed = capsys.readouterr().out
    assert 'average precision 0.' in printed
    assert 'choose a threshold on validation images' in printed
    assert printed.strip().splitlines()[-1].endswith(f'thresholds: {tmp_path / "threshold_curves.png"}')
    assert (tmp_path / 'reliability.png').is_file()


def test_mmsegs_own_functions_use_it_after_one_call(root, thresholded):
    model = init_model(str(CONFIG), str(thresholded), device='cpu', cfg_options={'test_pipeline.1.scale': (96, 64)})
    meta = read_checkpoint(thresholded)['meta']
    use_threshold(model, classes=model.dataset_meta['classes'], meta=meta, source=thresholded)
    sample = inference_model(model, str(root / 'rawdata/test/test_0.png'))
    reached = sample.seg_logits.data.softmax(0)[1] >= meta['threshold']['value']
    assert torch.equal(sample.pred_sem_seg.data[0] == 1, reached)
    assert not torch.equal(sample.pred_sem_seg.data, sample.seg_logits.data.argmax(0, keepdim=True))


def refusal(capsys, *args, options=()):
    assert run_test(*args, options=options) == 2
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if line.startswith('error: ')]
    assert len(errors) == 1
    assert not any('Traceback' in line for line in lines)
    return errors[0]


@pytest.mark.parametrize('value', ['0', '1', 'half'])
def test_values_outside_are_refused_before_anything_is_read(tmp_path, capsys, value):
    line = refusal(capsys, tmp_path / 'nowhere.pth', tmp_path, tmp_path / 'w', '--threshold', value)
    assert line.startswith(f'error: --threshold {value}: give a number above 0 and below 1')
    assert not (tmp_path / 'w').exists()


def test_mmsegs_own_average_keeps_no_probabilities(root, checkpoint, thresholded, tmp_path, capsys):
    own = ['tta_model.type=SegTTAModel']
    line = refusal(capsys, checkpoint, root, tmp_path, '--flip', '--sweep', options=own)
    assert 'only ProbabilityTTAModel keeps the mean probabilities' in line
    line = refusal(capsys, thresholded, root, tmp_path, '--flip', options=own)
    assert 'SegTTAModel keeps no mean probabilities' in line
    assert run_test(checkpoint, root, tmp_path, '--flip', '--report', tmp_path / 'r', options=own) == 0
    assert sweep_in(tmp_path / 'r') is None


def test_images_without_labels_have_no_best_threshold(root, checkpoint, tmp_path, capsys):
    (root / 'splits/only.lst').write_text('rawdata/test/test_1.png\n')
    only = ['test_dataloader.dataset.ann_file=splits/only.lst']
    assert '--sweep: the images have no labels' in refusal(capsys, checkpoint, root, tmp_path, '--sweep', options=only)
    assert run_test(checkpoint, root, tmp_path, '--threshold', '0.3', options=only) == 0
    assert (tmp_path / 'predictions' / 'test_1.png').is_file()


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['--threshold', '0.4'], '--threshold and --class go together'),
        (['--threshold', '1.4', '--class', 'green'], 'threshold 1.4: give a number above 0 and below 1'),
        (['--threshold', '0.4', '--class', 'gren'], 'has 2 classes (background, green): a threshold of gren'),
        (['--threshold', '0.4', '--class', 'green', '--best', 'iou'], '--best goes with --from REPORT'),
        (['--from', 'nowhere'], 'nowhere is not there'),
    ],
)
def test_set_threshold_refuses(checkpoint, tmp_path, capsys, args, message):
    assert run_here('set_threshold', checkpoint, tmp_path / 'b.pth', *args) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_report_of_another_model_is_refused(thresholded, report, tmp_path, capsys):
    assert run_here('set_threshold', thresholded, tmp_path / 'c.pth', '--from', report) == 2
    assert 'b.pth is not the checkpoint of the report' in capsys.readouterr().err
