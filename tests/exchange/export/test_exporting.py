import errno
import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.apis import inference_model, init_model
from PIL import Image
from report_support import class_row, run_record
from tests_support import draw_tile
from tiny_export import run_tool, tiny_checkpoint, trained, written
from tool_support import REPO

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.export import ExportSettings, exporting
from mmseg_aux_hrnet.exchange.export.exporting import form_of
from mmseg_aux_hrnet.files import whole


@pytest.fixture(scope='module')
def args(tmp_path_factory):
    """Config and checkpoint of a tiny model."""
    return written(tmp_path_factory.mktemp('tiny'))


def refusal(*args):
    """Return the one line by which the tool refuses."""
    code, _, complaint = run_tool(*args)
    lines = [line for line in complaint.splitlines() if line.startswith('error: ')]
    assert (code, len(lines)) == (2, 1), complaint
    assert 'Traceback' not in complaint
    return lines[0]


def content_of(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ('out', 'options', 'message'),
    [
        ('a.pb', (), 'the name must end in .onnx or .pt2'),
        ('a', (), 'the name must end in .onnx or .pt2'),
        ('a.pt2', ('--for', 'deepness'), '--for deepness gives .onnx files with probabilities'),
        ('a.onnx', ('--for', 'deepness', '--classes-only'), 'goes with neither .pt2 nor --classes-only'),
        ('a.pt2', ('--tile-size', '8'), '--tile-size 8: give pixels from 32'),
        ('a.pt2', ('--gsd', '-1'), '--gsd -1.0: give metres per pixel'),
        ('a.pt2', ('--tile-overlap', '95'), '--tile-overlap 95: give percent'),
        ('a.pt2', ('--threshold', '2'), '--threshold 2: give a number above 0'),
        ('a.pt2', ('--metrics', 'none.json'), 'none.json is not there'),
        ('a.pt2', ('--data-root', 'none'), 'data root none is not a folder: set it with --data-root DIR'),
        ('a.pt2', ('--cfg-options', 'model'), '--cfg-options model: give KEY=VALUE'),
        ('a.pt2', ('--cfg-options', 'model.decode_head.type=NoHead'), 'the model of this config cannot be built'),
    ],
)
def test_settings_that_make_no_file_are_refused(args, tmp_path, out, options, message):
    assert message in refusal(*args, tmp_path / out, *options)
    assert content_of(tmp_path) == []


@pytest.mark.parametrize(
    ('name', 'write', 'message'),
    [
        ('none.pth', lambda path, good: None, 'none.pth is not a file'),
        (
            'text.pth',
            lambda path, good: path.write_text('weights'),
            'text.pth is not a readable checkpoint: it is not in the form',
        ),
        (
            'cut.pth',
            lambda path, good: path.write_bytes(good.read_bytes()[:3000]),
            'cut.pth is not a readable checkpoint',
        ),
        ('empty.pth', lambda path, good: torch.save({'state_dict': {}}, path), 'empty.pth holds no weights'),
        ('folder.pth', lambda path, good: path.mkdir(), 'folder.pth holds no checkpoint'),
    ],
)
def test_what_is_no_checkpoint_is_refused(args, tmp_path, name, write, message):
    write(tmp_path / name, Path(args[1]))
    assert message in refusal(args[0], tmp_path / name, tmp_path / 'out' / 'a.pt2')
    assert not (tmp_path / 'out' / 'a.pt2').exists()


def test_a_checkpoint_of_another_network_or_class_count_is_refused(args, tmp_path):
    checkpoint = written(tmp_path, name='other', classes=3)[1]
    assert 'other shape (decode_head.conv_seg.weight' in refusal(args[0], checkpoint, tmp_path / 'a.pt2')
    hrnet = 'configs/hrnet/fcn_aux-hr18s-v1_128x128_demo.py'
    line = refusal(REPO / hrnet, checkpoint, tmp_path / 'a.pt2')
    assert 'does not fit the model of this config' in line
    assert 'missing (backbone.conv1.weight' in line


def test_a_config_without_a_model_is_refused(args, tmp_path):
    (tmp_path / 'a.py').write_text('model = None\n')
    assert 'has no model or no data' in refusal(tmp_path / 'a.py', args[1], tmp_path / 'a.pt2')


def test_a_file_that_exists_is_kept_unless_asked(args, tmp_path):
    (tmp_path / 'a.pt2').write_text('mine')
    assert f'{tmp_path / "a.pt2"} exists: name another file, or replace it with --overwrite' in refusal(
        *args, tmp_path / 'a.pt2'
    )
    assert (tmp_path / 'a.pt2').read_text() == 'mine'
    assert run_tool(*args, tmp_path / 'a.pt2', '--overwrite')[0] == 0
    assert (tmp_path / 'a.pt2').stat().st_size > 10000
    assert content_of(tmp_path) == ['a.pt2']
    (tmp_path / 'b.pt2').mkdir()
    assert 'is a folder' in refusal(*args, tmp_path / 'b.pt2', '--overwrite')


def test_a_folder_that_cannot_be_written_is_refused(args, tmp_path):
    (tmp_path / 'file').write_text('')
    assert 'cannot be written' in refusal(*args, tmp_path / 'file' / 'a.pt2')


@pytest.mark.skipif(
    os.name == 'nt' or not hasattr(os, 'geteuid') or os.geteuid() == 0,
    reason='needs a plain user: run the tests as another than root',
)
def test_a_read_only_folder_is_refused(args, tmp_path):
    tmp_path.chmod(0o500)
    assert 'cannot be written' in refusal(*args, tmp_path / 'a.pt2')


def test_a_full_disk_leaves_nothing(args, tmp_path, monkeypatch):
    def full(descriptor):
        if os.fstat(descriptor).st_size:  # not at the trial before
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(whole.os, 'fsync', full)
    line = refusal(*args, tmp_path / 'a.pt2')
    assert 'a.pt2 could not be written (No space left on device); nothing is left of it' in line
    assert content_of(tmp_path) == []


def test_a_file_that_gives_something_else_is_removed(args, tmp_path, monkeypatch):
    (tmp_path / 'a.pt2').write_text('mine')
    load = exporting.formats.load

    def other(path, **settings):
        def run(images):
            outputs = load(path, **settings)(images)
            shift = (images.shape[2] % 2) * np.float32(2e-4)  # at odd heights only
            return {**outputs, 'probabilities': outputs['probabilities'] + shift}

        return run

    monkeypatch.setattr(exporting.formats, 'load', other)
    line = refusal(*args, tmp_path / 'a.pt2', '--overwrite')
    assert 'was not written: the file would differ from PyTorch: its probabilities do by up to 2.0e-04' in line
    assert 'for 2x97x131 pixels, 1.0e-04 is allowed' in line
    assert content_of(tmp_path) == ['a.pt2']
    assert (tmp_path / 'a.pt2').read_text() == 'mine'


def test_weights_that_are_no_numbers_are_refused(args, tmp_path):
    content = torch.load(args[1])
    content['state_dict']['backbone.conv.weight'][0, 0, 0, 0] = float('nan')
    torch.save(content, tmp_path / 'nan.pth')
    assert 'the weights are damaged' in refusal(args[0], tmp_path / 'nan.pth', tmp_path / 'a.pt2')
    assert content_of(tmp_path) == ['nan.pth']


def test_an_interrupt_leaves_nothing(args, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, 'verify', interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_tool(*args, tmp_path / 'a.pt2')
    assert content_of(tmp_path) == []


def test_a_file_that_its_runtime_does_not_take_is_removed(args, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting.formats, 'pt2_bytes', lambda *_, **__: b'no archive')
    assert 'a.pt2 was not written: the file cannot be loaded' in refusal(*args, tmp_path / 'a.pt2')
    assert content_of(tmp_path) == []


@pytest.mark.parametrize('package', ['onnx', 'onnxruntime', 'onnxscript'])
def test_a_missing_extra_is_named(args, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    line = refusal(*args, tmp_path / 'a.onnx')
    assert 'pip install "mmseg-aux-hrnet[export]"' in line
    assert run_tool(*args, tmp_path / 'a.pt2')[0] == 0


@pytest.mark.parametrize(
    ('names', 'interest', 'index'),
    [
        (('background', 'green'), 1, 0),
        (('green', 'rest'), 0, 1),
        (('road', 'background', 'water'), None, 1),
        (('road', 'grass', 'water'), None, None),
    ],
)
def test_black_is_the_background_of_the_classes_by_default_for_deepness_only(names, interest, index):
    source = trained(classes=Classes(names, None, interest))
    assert form_of(ExportSettings(for_deepness=True), source=source).black == index
    assert form_of(ExportSettings(for_deepness=True, black_background=False), source=source).black is None
    assert form_of(ExportSettings(), source=source).black is None
    if index is None:
        with pytest.raises(ConfigError, match='--black-background: none of road, grass, water is the background'):
            form_of(ExportSettings(black_background=True), source=source)
    else:
        assert form_of(ExportSettings(black_background=True), source=source).black == index


@pytest.mark.slow  # two exports to ONNX
def test_a_network_that_enlarges_twice_is_refused_but_for_one_size(tmp_path):
    """As mmseg's own HRNet does; an exporter that writes it without complaint gets other sizes wrong."""
    pytest.importorskip('onnxruntime', reason='needs the extra export')
    args = written(tmp_path, enlarge=True)
    line = refusal(*args, tmp_path / 'a.onnx')
    assert 'would differ from PyTorch' in line
    assert '--fixed-size with --tile-size PIXELS exports it for one size' in line
    assert not (tmp_path / 'a.onnx').exists()
    # Of any size: inside, the network sees 96 x 96.
    code, printed, _ = run_tool(*args, tmp_path / 'a.onnx', '--fixed-size', '--tile-size', '70')
    assert code == 0
    assert 'input: image uint8 RGB (N, 3, 70, 70)' in printed
    assert 'tiles of 70 pixels are filled up inside to multiples of 32: 96' in printed


def test_figures_of_the_report_of_the_checkpoint_are_noted(args, tmp_path):
    overall = dict(oa=95.5, miou=90.0, macc=91.0, mdice=92.0, fwiou=91.5, kappa=0.9, mcc=0.9, balanced_accuracy=91.0)
    overall['pixels'] = 100
    rates = [class_row('green', iou=84.0, f1=91.3, precision=90.0, recall=92.6)]
    digest = hashlib.sha256(Path(args[1]).read_bytes()).hexdigest()
    run = run_record(data_list='test.txt', images=12, date='2026-01-01', checkpoint_sha256=digest)
    report = tmp_path / 'metrics.json'
    content = {'format': 'mmseg_aux_hrnet report 1', 'run': run, 'overall': overall, 'classes': rates}
    report.write_text(json.dumps(content), encoding='utf-8')
    assert run_tool(*args, tmp_path / 'a.pt2', '--metrics', report)[0] == 0
    extra = {'metadata.json': ''}
    torch.export.load(tmp_path / 'a.pt2', extra_files=extra)
    noted = json.loads(extra['metadata.json'])['metrics']
    assert noted['measured_on'] == '12 images of test.txt, 2026-01-01'
    assert (noted['values']['OA'], noted['values']['IoU.green']) == (95.5, 84.0)
    config, other = written(tmp_path, name='other', meta={'note': 1})
    assert 'measures a checkpoint of sha256' in refusal(config, other, tmp_path / 'b.pt2', '--metrics', report)


@pytest.mark.slow  # tracing a whole HRNet
def test_aux_hrnet_predicts_an_image_file_as_mmseg_does(tmp_path):
    ort = pytest.importorskip('onnxruntime', reason='needs the extra export')
    config = str(REPO / 'configs/hrnet/fcn_aux-hr18s-v1_128x128_demo.py')
    checkpoint = tiny_checkpoint(Config.fromfile(config), tmp_path / 'a.pth')
    code, _, complaint = run_tool(config, checkpoint, tmp_path / 'a.onnx')
    assert code == 0, complaint
    draw_tile(tmp_path, 'test', 'tile', seed=0, size=(75, 110))
    path = str(tmp_path / 'rawdata/test/tile.png')
    wanted = inference_model(init_model(config, str(checkpoint), device='cpu'), path)
    session = ort.InferenceSession(str(tmp_path / 'a.onnx'), providers=['CPUExecutionProvider'])
    rgb = np.asarray(Image.open(path)).transpose(2, 0, 1)[None]
    probabilities, classes = session.run(['probabilities', 'classes'], {'image': rgb})
    scores = wanted.seg_logits.data.softmax(dim=0).numpy()
    assert np.abs(probabilities[0] - scores).max() < 1e-4 < scores.std()
    undecided = np.abs(scores[0] - scores[1]) < 1e-4
    assert not ((classes[0] != wanted.pred_sem_seg.data[0].numpy()) & ~undecided).any()
