"""Two processes on a CPU, started as a user starts them."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch
from global_batch import frozen_network, train
from PIL import Image
from tests_support import write_green_root
from tool_support import CONFIG, REPO, TILES, configs_laid_out, run_here, tool

from mmseg_aux_hrnet.weights import read_checkpoint

SIX = [
    'train_cfg.max_iters=6',
    'train_cfg.val_interval=6',
    'default_hooks.checkpoint.interval=6',
    'train_dataloader.batch_size=1',
    *TILES,
]
pytestmark = pytest.mark.skipif(shutil.which('bash') is None, reason='the scripts need bash')


def start(*command):
    """Run a command to its end; one that hangs fails the test."""
    path = os.pathsep.join([str(REPO), *filter(None, [os.environ.get('PYTHONPATH')])])
    env = {**os.environ, 'PYTHONPATH': path, 'OMP_NUM_THREADS': '1', 'PYTHON': sys.executable}
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, env=env, timeout=240)


def errors(stderr):
    return [line for line in stderr.splitlines() if line.startswith('error: ')]


def figures(work_dir):
    """Return the figures of the newest test, without the times it took."""
    newest = max(work_dir.glob('[0-9]*/*.json'))  # folders named by the time
    return {name: value for name, value in json.loads(newest.read_text()).items() if 'time' not in name}


def reported(folder):
    """Return the report of a test, without what says where and when it was."""
    metrics = json.loads((folder / 'report' / 'metrics.json').read_text(encoding='utf-8'))
    for key in ('command', 'date', 'work_dir'):
        del metrics['run'][key]
    return metrics


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A data set whose 7 images do not divide by 2, and the run of two processes on it."""
    root = tmp_path_factory.mktemp('data') / 'green tiles'  # the space must survive the scripts
    write_green_root(root, {'train': 4, 'val': 7, 'test': 7})
    work_dir = tmp_path_factory.mktemp('work')
    result = start(
        REPO / 'tools/dist_train.sh', CONFIG, 2,
        '--data-root', root, '--work-dir', work_dir, '--seed', 0, '--cfg-options', *SIX,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    return root, work_dir, result


@pytest.fixture(scope='module')
def tested_alone(trained, tmp_path_factory):
    """The same checkpoint, tested by one process."""
    root, work_dir, _ = trained
    alone = tmp_path_factory.mktemp('alone')
    outputs = ['--work-dir', alone, '--out', alone / 'out', '--show-dir', alone / 'show', '--report', alone / 'report']
    arguments = [CONFIG, work_dir / 'iter_6.pth', '--data-root', root, *outputs, '--sweep', '--cfg-options', *SIX]
    with configs_laid_out():
        assert run_here('test', *arguments) == 0
    return alone


def test_two_processes_leave_one_set_of_files_and_lines(trained):
    _, work_dir, result = trained
    assert sorted(path.name for path in work_dir.glob('*.pth')) == ['best_IoU.green_iter_6.pth', 'iter_6.pth']
    assert (work_dir / 'training_curve.png').is_file()
    assert (work_dir / 'validation_samples.png').is_file()
    assert result.stdout.count('Saving checkpoint at 6 iterations') == 1
    assert result.stdout.count('checkpoints, log, training_curve.png, validation_samples.png:') == 1
    assert errors(result.stderr) == []


@pytest.mark.slow  # shares the run of the next test
def test_validation_by_two_processes_measures_the_checkpoint(trained, tested_alone):
    _, work_dir, _ = trained
    lines = next(work_dir.glob('*/vis_data/scalars.json')).read_text().splitlines()
    validation = json.loads(lines[-1])
    # val and test hold the same 7 tiles
    alone = {name: value for name, value in figures(tested_alone).items() if name not in ('AP.green', 'ECE.green')}
    assert {name: validation[name] for name in alone} == alone


@pytest.mark.slow  # processes that import everything, two at a time
def test_uneven_shares_give_the_figures_and_files_of_one_process(trained, tested_alone, tmp_path):
    root, work_dir, _ = trained
    result = start(
        REPO / 'tools/dist_test.sh', CONFIG, work_dir / 'iter_6.pth', 2, '--data-root', root, '--work-dir', tmp_path,
        '--out', tmp_path / 'out', '--show-dir', tmp_path / 'show', '--report', tmp_path / 'report',
        '--sweep', '--cfg-options', *SIX,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    assert reported(tmp_path) == reported(tested_alone)
    assert figures(tmp_path) == figures(tested_alone)
    curves = [(folder / 'report' / 'threshold_curves.png').read_bytes() for folder in (tmp_path, tested_alone)]
    assert curves[0] == curves[1]
    assert '43,008 pixels of 7 images' in result.stdout  # 7 x 64 x 96
    names = [f'test_{i}.png' for i in range(7)]
    for folder in ('out', 'show'):
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == names
        assert all((tmp_path / folder / n).read_bytes() == (tested_alone / folder / n).read_bytes() for n in names)


@pytest.mark.slow  # processes that import everything, two at a time
def test_a_fault_in_one_process_ends_all_with_one_line(tmp_path):
    write_green_root(tmp_path / 'data')
    Image.fromarray(np.full((64, 96, 3), 200, np.uint8)).save(tmp_path / 'data/labeldata/train/train_0.png')
    result = start(
        REPO / 'tools/dist_train.sh', CONFIG, 2,
        '--data-root', tmp_path / 'data', '--work-dir', tmp_path / 'w', '--seed', 0, '--cfg-options', *SIX,
    )  # fmt: skip
    assert result.returncode == 2
    [line] = errors(result.stderr)
    assert 'train_0.png: pixels are of mode RGB' in line
    assert 'Traceback' not in result.stderr


@pytest.mark.slow  # processes that import everything, two at a time
def test_two_processes_with_half_the_batch_follow_one_with_all_of_it(tmp_path):
    result = start(sys.executable, REPO / 'tools/dist_run.py', 2, REPO / 'tests/global_batch.py', tmp_path / 'two.pt')
    assert result.returncode == 0, result.stderr[-3000:]
    losses, weights = torch.load(tmp_path / 'two.pt')
    expected_losses, expected = train(frozen_network())
    assert losses.dtype == torch.float64
    torch.testing.assert_close(losses, expected_losses, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(weights, dict(expected), rtol=1e-9, atol=1e-9)
    start_weights = frozen_network().state_dict()
    assert (weights['decode_head.conv_seg.weight'] - start_weights['decode_head.conv_seg.weight']).abs().max() > 5e-4


def test_a_killed_process_ends_the_others(tmp_path):
    script = tmp_path / 'dies.py'
    script.write_text('import os, time\nos.environ["RANK"] == "1" and os.kill(os.getpid(), 9)\ntime.sleep(200)\n')
    result = start(sys.executable, REPO / 'tools/dist_run.py', 2, script)
    assert result.returncode == 128 + 9
    [line] = errors(result.stderr)
    assert 'process 1 was killed by signal 9' in line
    assert 'Traceback' not in result.stderr


@pytest.mark.slow  # processes that import everything, two at a time, twice
def test_a_run_whose_process_is_killed_goes_on_by_itself(trained, tmp_path, monkeypatch):
    root, undisturbed, _ = trained
    config = tmp_path / 'killed.py'
    config.write_text(
        f'_base_ = {CONFIG!r}\n'
        "custom_imports = dict(imports=['mmseg_aux_hrnet', 'killed_once'])\n"
        "custom_hooks = [*_base_.custom_hooks, dict(type='KilledOnce')]\n"
    )
    monkeypatch.setenv('MAX_RESTARTS', '1')
    monkeypatch.setenv('PYTHONPATH', str(REPO / 'tests'))
    result = start(
        REPO / 'tools/dist_train.sh', config, 2, '--data-root', root, '--work-dir', tmp_path / 'work', '--seed', 0,
        '--global-batch', 2, '--resume', '--cfg-options', *SIX, 'default_hooks.checkpoint.interval=2',
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'start 2 of at most 2: torchrun started all processes again' in result.stdout
    assert 'resumed epoch: 0, iter: 2' in result.stdout
    ends = [read_checkpoint(folder / 'iter_6.pth') for folder in (tmp_path / 'work', undisturbed)]
    assert [end['meta']['iter'] for end in ends] == [6, 6]
    losses = [end['message_hub']['log_scalars']['train/loss'].data[0] for end in ends]
    assert list(losses[0]) == list(losses[1])
    for name, weights in ends[0]['state_dict'].items():
        assert torch.equal(weights, ends[1]['state_dict'][name]), name


@pytest.mark.parametrize(
    ('environment', 'words', 'message'),
    [
        ({'MAX_RESTARTS': '3'}, (), 'MAX_RESTARTS=3 without --resume: .*; add --resume'),
        ({'MAX_RESTARTS': 'often'}, ('--resume',), 'MAX_RESTARTS=often is not a count: give 0 or more'),
        ({'MAX_RESTARTS': '3', 'NNODES': '2', 'NODE_RANK': '1'}, ('--resume',), 'with NNODES=2: .*rdzv-backend=c10d'),
    ],
)
def test_restarts_that_would_not_go_on_are_refused(environment, words, message, monkeypatch, capsys):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert run_here('dist_run', 2, 'tools/train.py', CONFIG, *words) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert re.search(message, line)


@pytest.mark.parametrize('name', ['SIGTERM', 'SIGUSR1'])
def test_a_signal_to_the_launcher_reaches_all_processes(tmp_path, name):
    script = tmp_path / 'waits.py'
    script.write_text(
        'import os, signal, sys, time\n'
        f'signal.signal(signal.{name}, lambda *_: sys.exit(os.write(1, b"heard\\n") - 6))\n'
        'os.write(1, b"up\\n")\ntime.sleep(60)\n'
    )
    command = [sys.executable, '-u', REPO / 'tools/dist_run.py', '2', script]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True) as job:
        assert [job.stdout.readline() for _ in range(2)] == ['up\n', 'up\n']
        job.send_signal(getattr(signal, name))
        assert job.stdout.read().split() == ['heard', 'heard']
    assert job.returncode == 128 + getattr(signal, name)


@pytest.mark.slow  # processes that import everything, two at a time
def test_a_signal_to_the_launcher_saves_once_and_says_how_to_go_on(trained, tmp_path):
    root = trained[0]
    options = ['train_cfg.max_iters=500', 'train_cfg.val_interval=500', 'default_hooks.logger.interval=1']
    arguments = ['--data-root', root, '--work-dir', tmp_path, '--cfg-options', *SIX, *options]
    command = [sys.executable, '-u', REPO / 'tools/dist_run.py', 2, REPO / 'tools/train.py', CONFIG, *arguments]
    env = {**os.environ, 'PYTHONPATH': str(REPO), 'OMP_NUM_THREADS': '1'}
    pipe = {'stdout': subprocess.PIPE, 'stderr': subprocess.STDOUT, 'text': True, 'env': env}
    with subprocess.Popen([*map(str, command)], **pipe) as job:
        for line in job.stdout:
            if 'Iter(train)' in line:
                job.send_signal(signal.SIGTERM)
                break
        said = [line for line in job.stdout.read().splitlines() if line.startswith('error: ')]
    assert job.returncode == 128 + signal.SIGTERM
    assert len(said) == 1
    assert 'stopped by SIGTERM after iteration ' in said[0]
    assert f'dist_run.py 2 {REPO / "tools/train.py"} ' in said[0]
    assert 0 < read_checkpoint(tmp_path / 'interrupted.pth')['meta']['iter'] < 500


@pytest.mark.parametrize(
    ('codes', 'expected'),
    [({0: 2, 1: -15}, 2), ({0: -15, 1: 1}, 1), ({0: -15, 1: -15}, 143), ({0: 2, 1: -11}, 139)],
)
def test_the_cause_gives_the_exit_code(codes, expected):
    assert tool('dist_run').report(codes) == expected


def test_a_taken_port_is_one_line(monkeypatch, capsys):
    with socket.create_server(('', 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setenv('PORT', port)
        assert run_here('dist_run', 2, 'tools/train.py') == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f'error: port {port} cannot be used')
    assert line.endswith('set PORT to a free one')


@pytest.mark.parametrize(
    ('environment', 'expected'),
    [
        ({}, ['--standalone']),
        (
            {'NNODES': '2', 'NODE_RANK': '1', 'MASTER_ADDR': 'first'},
            ['--nnodes=2', '--node-rank=1', '--master-addr=first', '--master-port=29500'],
        ),
    ],
)
def test_machines_meet_where_the_environment_says(environment, expected, monkeypatch):
    for name in ('NNODES', 'NODE_RANK', 'MASTER_ADDR', 'PORT'):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert tool('dist_run').rendezvous() == expected


@pytest.mark.parametrize(('script', 'arguments'), [('dist_train.sh', ['0']), ('dist_test.sh', ['a.pth', 'two'])])
def test_scripts_say_how_they_are_used(script, arguments):
    result = start(REPO / 'tools' / script, CONFIG, *arguments)
    assert (result.returncode, result.stdout) == (2, '')
    assert f'tools/{script} CONFIG' in result.stderr
