"""The reference commands, run as a user runs them, on a data set of eight small tiles."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests_support import write_green_root
from tool_support import CONFIG, REPO, SMALL, heard, run_here

import mmseg_aux_hrnet
from mmseg_aux_hrnet.models import HRNetV2
from mmseg_aux_hrnet.weights import read_checkpoint

pytestmark = pytest.mark.stack
TOOLS = (*sorted(path.relative_to(REPO).as_posix() for path in (REPO / 'tools').glob('[a-z]*.py')), 'split.py')


def with_options(args, options):
    return [*args, '--cfg-options', *options] if options else args


def run(tool, *args, options=SMALL):
    """Run a tool in this process, and return its exit code and what it printed."""
    return heard(tool, *with_options(args, options))


def run_as_a_process(tool, *args, options=SMALL):
    env = {**os.environ, 'PYTHONPATH': str(REPO), 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, REPO / f'tools/{tool}.py', *with_options(args, options)]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, env=env, timeout=600)


def refusal(tool, *args, options=SMALL):
    """Return the one line by which a tool refuses."""
    result = run(tool, *args, options=options)
    assert result.returncode == 2
    return only_line(result.stderr)


def only_line(stderr):
    """Return the one line that starts with ``error:``; there is no traceback beside it."""
    lines = [line for line in stderr.splitlines() if line.startswith('error: ')]
    assert 'Traceback' not in stderr
    assert len(lines) == 1, stderr[-2000:]
    return lines[0]


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A work dir after 20 iterations, and the data it saw."""
    root = tmp_path_factory.mktemp('data')
    write_green_root(root)
    work_dir = tmp_path_factory.mktemp('work')
    start = tmp_path_factory.mktemp('weights') / 'imagenet.pth'
    torch.save(HRNetV2('w18_small_v1').state_dict(), start)
    defaults = ['--data-root', root, '--work-dir', work_dir, '--seed', 0]
    result = run_as_a_process('train', CONFIG, *defaults, '--pretrained', start)
    assert result.returncode == 0, result.stderr[-3000:]
    assert f'backbone weights: {start}' in result.stdout
    return root, work_dir, result.stdout


def test_training_leaves_checkpoints_a_curve_and_a_table(trained):
    _, work_dir, output = trained
    names = {path.name for path in work_dir.iterdir()}
    assert {'iter_10.pth', 'iter_20.pth', 'training_curve.png', 'validation_samples.png', 'last_checkpoint'} <= names
    assert any(name.startswith('best_IoU.green_iter_') for name in names)
    assert '| green *' in output
    assert 'the best checkpoint is chosen by IoU.green, greater is better' in output
    assert 'IoU.green' in output


def test_checkpoints_load_without_running_code(trained):
    _, work_dir, _ = trained
    for path in work_dir.glob('*.pth'):
        content = read_checkpoint(path)  # weights_only=True and the smallest allow-list
        assert content['message_hub'] is not None
        assert len(content['state_dict']) == 450
    assert isinstance(content['meta']['dataset_meta']['classes'], tuple)
    assert content['meta']['mmseg_aux_hrnet_version'] == mmseg_aux_hrnet.__version__
    assert content['meta']['torch_version'] == torch.__version__


def test_resuming_goes_on_where_it_stopped(trained, tmp_path):
    root, work_dir, _ = trained
    more = [*SMALL, 'train_cfg.max_iters=22', 'train_cfg.val_interval=22']
    result = run(
        'train', CONFIG, '--data-root', root, '--work-dir', tmp_path, '--resume', work_dir / 'iter_20.pth',
        options=[*more, 'default_hooks.checkpoint.interval=22'],
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'resumed epoch: 0, iter: 20' in result.stdout
    assert 'Could not safely load' not in result.stdout + result.stderr
    assert read_checkpoint(tmp_path / 'iter_22.pth')['meta']['iter'] == 22


@pytest.mark.slow  # a process that imports everything
@pytest.mark.skipif(os.name == 'nt', reason='processes of Windows cannot be signalled')
def test_a_signal_to_the_whole_job_saves_and_says_how_to_go_on(trained, tmp_path):
    root, _, _ = trained
    options = ['--cfg-options', *SMALL, 'train_dataloader.num_workers=2']
    command = [sys.executable, REPO / 'tools/train.py', CONFIG, '--data-root', root, '--work-dir', tmp_path]
    env = {**os.environ, 'PYTHONPATH': str(REPO), 'OMP_NUM_THREADS': '1'}
    pipe = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, start_new_session=True)
    with subprocess.Popen([*map(str, [*command, '--pretrained', 'none', *options])], **pipe) as job:
        for line in job.stdout:
            if 'Iter(train)' in line:
                os.killpg(job.pid, signal.SIGTERM)  # the data loader's workers get it too
                break
        last = job.stdout.read().splitlines()[-1]
    assert job.returncode == 128 + signal.SIGTERM
    assert last.startswith('error: stopped by SIGTERM after iteration ')
    assert last.endswith(' --resume')
    assert 0 < read_checkpoint(tmp_path / 'interrupted.pth')['meta']['iter'] < 20


@pytest.fixture(scope='module')
def tested(trained, tmp_path_factory):
    """The folder of a test run with all outputs, and what it printed."""
    root, work_dir, _ = trained
    out = tmp_path_factory.mktemp('tested')
    result = run(
        'test', CONFIG, work_dir, '--eval', 'mIoU', 'mDice', 'mFscore', '--data-root', root,
        '--work-dir', out / 'w', '--out', out / 'maps', '--show-dir', out / 'pictures', '--report', out / 'report',
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    return out, result.stdout


def test_testing_prints_the_table_and_writes_maps_and_pictures(tested):
    out, printed = tested
    last = printed.strip().splitlines()[-1].split()
    assert [last[0], last[2], last[4]] == ['mIoU', 'mDice', 'mFscore']
    assert last[3] == last[5]
    label_map = Image.open(out / 'maps' / 'test_0.png')
    assert (label_map.mode, label_map.size, label_map.getpalette()[:6]) == ('P', (96, 64), [0, 0, 0, 128, 0, 0])
    assert sorted(p.name for p in (out / 'pictures').iterdir()) == ['test_0.png', 'test_1.png']


def test_the_report_holds_what_was_printed_and_what_it_was_made_from(trained, tested):
    root, work_dir, _ = trained
    out, printed = tested
    metrics = json.loads((out / 'report' / 'metrics.json').read_text(encoding='utf-8'))
    assert f'mIoU {metrics["overall"]["miou"]:.4f}' in printed.strip().splitlines()[-1]
    assert [image['name'] for image in metrics['images']] == ['test_0', 'test_1']
    assert np.sum([image['counts'] for image in metrics['images']], axis=0).tolist() == metrics['confusion_matrix']
    assert metrics['overall']['pixels'] == 2 * 64 * 96
    assert metrics['boundary']['tolerance_pixels'] == 2
    run = metrics['run']
    assert run['data_list_sha256'] == hashlib.sha256((root / 'splits/test.txt').read_bytes()).hexdigest()
    assert run['checkpoint_sha256'] == hashlib.sha256(Path(run['checkpoint']).read_bytes()).hexdigest()
    assert Path(run['checkpoint']).parent == work_dir
    assert (run['device'], run['images'], run['work_dir']) == ('cpu', 2, str(out / 'w'))


def test_the_page_of_the_report_shows_tiles_and_training(trained, tested):
    page = (tested[0] / 'report' / 'report.html').read_text(encoding='utf-8')
    metrics = json.loads((tested[0] / 'report' / 'metrics.json').read_text(encoding='utf-8'))
    assert page.count('<article') == 2
    assert page.count('src="data:image/webp') == 2  # the images themselves
    assert page.count('src="data:image/png') == 2 * 3  # errors, label, prediction
    assert f'Training log of {trained[1]}' in page
    assert f'{metrics["classes"][1]["iou"]:.2f}<span class="unit">' in page


def test_the_maps_that_testing_wrote_evaluate_to_its_report(trained, tested, tmp_path):
    root, _, _ = trained
    folders = (tested[0] / 'maps', root / 'labeldata/test')
    result = run('evaluate', *folders, '--config', CONFIG, '--report', tmp_path / 'r', options=[])
    assert result.returncode == 0, result.stderr[-3000:]
    by_maps, by_test = (json.loads((f / 'metrics.json').read_text()) for f in (tmp_path / 'r', tested[0] / 'report'))
    for part in ('classes', 'overall', 'intervals', 'boundary', 'confusion_matrix', 'class_of_interest'):
        assert by_maps[part] == by_test[part]


def test_a_report_beside_another_metric(trained, tmp_path):
    root, work_dir, _ = trained
    result = run(
        'test', CONFIG, work_dir, '--data-root', root, '--work-dir', tmp_path / 'w',
        '--report', tmp_path / 'r', options=[*SMALL, 'test_evaluator.type=IoUMetric'],
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    overall = json.loads((tmp_path / 'r' / 'metrics.json').read_text())['overall']
    assert float(result.stdout.strip().splitlines()[-1].split()[1]) == pytest.approx(overall['miou'], abs=0.0051)


@pytest.mark.parametrize('form', ['published', 'safetensors'])
def test_published_and_converted_checkpoints_measure_the_same(trained, tested, tmp_path, form):
    root, work_dir, _ = trained
    if form == 'published':
        assert run_here('publish_checkpoint', work_dir, tmp_path) == 0
        (path,) = tmp_path.glob('*.pth')
    else:
        path = tmp_path / 'best.safetensors'
        assert run_here('convert_checkpoint', work_dir, path, '--config', CONFIG) == 0
    result = run('test', CONFIG, path, '--data-root', root, '--work-dir', tmp_path / 'w')
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.strip().splitlines()[-1] == tested[1].strip().splitlines()[-1].split('  ')[0]


@pytest.mark.parametrize(
    ('augmentation', 'same'), [(['--scales', '1.0'], True), (['--scales', '0.5,1.0', '--flip'], False)]
)
def test_scales_and_flip(trained, tested, tmp_path, augmentation, same):
    root, work_dir, _ = trained
    defaults = ['--data-root', root, '--work-dir', tmp_path, '--out', tmp_path / 'maps']
    result = run('test', CONFIG, work_dir, *defaults, *augmentation)
    assert result.returncode == 0, result.stderr[-3000:]
    assert (result.stdout.strip().splitlines()[-1] == tested[1].strip().splitlines()[-1].split('  ')[0]) == same
    plain, averaged = (np.asarray(Image.open(f / 'maps' / 'test_0.png')) for f in (tested[0], tmp_path))
    assert np.array_equal(plain, averaged) == same


def test_an_image_only_list_gives_predictions_and_no_figures(trained, tmp_path):
    root, work_dir, _ = trained
    (root / 'splits/only.lst').write_text('rawdata/test/test_1.png\n')
    result = run(
        'test', CONFIG, work_dir, '--data-root', root, '--work-dir', tmp_path,
        options=[*SMALL, 'test_dataloader.dataset.ann_file=splits/only.lst'],
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'no labels' in result.stdout.strip().splitlines()[-1]
    prediction = np.asarray(Image.open(tmp_path / 'predictions' / 'test_1.png'))
    assert prediction.shape == (64, 96)
    assert set(np.unique(prediction)) <= {0, 1}


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['--data-root', 'nowhere'], 'data root nowhere is not a folder'),
        (['--work-dir', str(Path(__file__) / 'x')], 'cannot be written'),
        (['--pretrained', 'nowhere.pth'], 'nowhere.pth is not a file'),
        (['--resume', 'nowhere.pth'], 'nowhere.pth is not a file'),
    ],
)
def test_train_refuses(trained, tmp_path, args, message):
    root, _, _ = trained
    defaults = ['--data-root', root, '--work-dir', tmp_path / 'w']
    assert message in refusal('train', CONFIG, *defaults, *args)


def test_train_refuses_missing_imagenet_weights_offline(trained, tmp_path, monkeypatch):
    root, _, _ = trained
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'hub'))
    nobody_listens = 'http://127.0.0.1:9/hrnetv2_w18-00eb2006.pth'
    defaults = ['--data-root', root, '--work-dir', tmp_path / 'w']
    line = refusal('train', CONFIG, *defaults, '--pretrained', nobody_listens)
    assert 'hrnetv2_w18-00eb2006.pth' in line
    assert '--pretrained none' in line


class RunsCode:
    """A pickle that makes a folder when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_train_runs_no_code_from_the_file_it_starts_from(trained, tmp_path):
    root, _, _ = trained
    torch.save({'state_dict': {'x': torch.ones(1)}, 'y': RunsCode(tmp_path / 'made')}, tmp_path / 'evil.pth')
    options = [*SMALL, f'load_from={(tmp_path / "evil.pth").as_posix()}']
    line = refusal('train', CONFIG, '--data-root', root, '--work-dir', tmp_path / 'w', options=options)
    assert 'evil.pth is refused' in line
    assert not (tmp_path / 'made').exists()


def break_one_label(root):
    path = root / 'labeldata/train/train_0.png'
    Image.fromarray(np.full((64, 96, 3), 200, np.uint8)).save(path)


def test_a_fault_in_a_worker_process_is_one_line(tmp_path):
    write_green_root(tmp_path / 'data')
    break_one_label(tmp_path / 'data')
    options = [option for option in SMALL if 'workers' not in option]
    defaults = ['--data-root', tmp_path / 'data', '--work-dir', tmp_path / 'w']
    result = run('train', CONFIG, *defaults, options=options)
    assert result.returncode == 2
    line = only_line(result.stderr)
    assert 'train_0.png: pixels are of mode RGB' in line
    assert "label_format to 'colour'" in line


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['--eval', 'mIuO'], '--eval mIuO is unknown: use mIoU'),
        (['--scales', '0'], '--scales 0: give numbers from 0.05'),
        (['--data-root', 'nowhere'], 'data root nowhere is not a folder'),
        (['--report', str(REPO / 'tools')], 'exists and is not empty: choose another --report'),
        (['--report', str(REPO / 'tools'), '--overwrite'], '--overwrite does not replace'),
        (['--tolerance', '1m'], '--tolerance 1m is in metres: give the size of a pixel in metres with --gsd'),
    ],
)
def test_test_refuses(trained, tmp_path, args, message):
    root, work_dir, _ = trained
    defaults = ['--data-root', root, '--work-dir', tmp_path]
    assert message in refusal('test', CONFIG, work_dir, *defaults, *args)


def test_a_report_needs_labels(trained, tmp_path):
    root, work_dir, _ = trained
    (root / 'splits/unlabelled.lst').write_text('rawdata/test/test_1.png\n')
    line = refusal(
        'test', CONFIG, work_dir, '--data-root', root, '--work-dir', tmp_path / 'w',
        '--report', tmp_path / 'r', options=[*SMALL, 'test_dataloader.dataset.ann_file=splits/unlabelled.lst'],
    )  # fmt: skip
    assert 'the test data have no labels to compare with' in line
    assert not (tmp_path / 'r').exists()


def test_test_refuses_a_checkpoint_of_another_architecture(trained, tmp_path):
    root, work_dir, _ = trained
    other = CONFIG.replace('aux-hr18s-v1_256x256_1500it', 'hr18_256x512_80k')
    defaults = ['--data-root', root, '--work-dir', tmp_path]
    line = refusal('test', other, work_dir, *defaults, options=[])
    assert 'missing (backbone.' in line
    assert 'other shape' in line


@pytest.mark.parametrize('tool', TOOLS)
def test_help_imports_nothing_heavy(tool):
    code = (
        'import runpy, sys\n'
        f'sys.argv = [{str(REPO / tool)!r}, "--help"]\n'
        'try:\n    runpy.run_path(sys.argv[0], run_name="__main__")\nexcept SystemExit: pass\n'
        'print(sorted({"torch", "mmseg", "mmengine", "numpy"} & set(sys.modules)))'
    )
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=60)
    assert result.stdout.strip().splitlines()[-1] == '[]'
    assert 'usage' in result.stdout


def test_a_checkpoint_predicts_through_mmsegs_own_functions(trained):
    from mmseg.apis import MMSegInferencer, inference_model, init_model

    root, work_dir, _ = trained
    path = str(root / 'rawdata/test/test_0.png')
    config = str(next(work_dir.glob('*.py')))
    model = init_model(config, str(work_dir / 'iter_20.pth'), device='cpu')
    array = np.asarray(Image.open(path))[..., ::-1]
    by_path = inference_model(model, path).pred_sem_seg.data
    inferencer = MMSegInferencer(model=config, weights=str(work_dir / 'iter_20.pth'), device='cpu')
    by_inferencer = inferencer(path, return_datasamples=True).pred_sem_seg.data
    assert by_path.shape == (1, 64, 96)
    assert torch.equal(by_path, by_inferencer)
    assert torch.equal(by_path, inference_model(model, array).pred_sem_seg.data)
