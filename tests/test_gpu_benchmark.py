"""The script for a machine with a GPU runs, at toy size on a CPU; goals are tested with made-up figures."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import torch
from tool_support import REPO

SCRIPT = REPO / 'benchmarks/gpu.sh'
needs_bash = pytest.mark.skipif(shutil.which('bash') is None, reason='the scripts need bash')


@pytest.fixture
def module(monkeypatch):
    """Return a function that imports a script of the folder."""
    monkeypatch.syspath_prepend(str(REPO / 'benchmarks'))
    return importlib.import_module


def start(*args, **environment):
    environment = {**os.environ, 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1', **environment}
    command = ['bash', str(SCRIPT), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)


@pytest.mark.slow  # takes training steps and makes a map
def test_every_work_is_measured_on_a_cpu(module, tmp_path):
    report = tmp_path / 'tests.xml'
    report.write_text(
        '<testsuites><testsuite><testcase name="good" time="1.5"/><testcase name="left out" time="0">'
        '<skipped message="no GPU"/></testcase></testsuite></testsuites>'
    )
    files = tmp_path / 'gpu.json', tmp_path / 'gpu.md'
    words = ['--device', 'cpu', '--toy', '--tests', report, '--json', files[0], '--markdown', files[1]]
    assert module('gpu').main([*map(str, words)]) == 0
    rows = json.loads(files[0].read_text())['results']
    assert {row['part'] for row in rows} == {'tests', 'training steps', 'forward passes', 'whole map'}
    assert [row['equal'] for row in rows if row['part'] == 'tests'] == ['passed', 'skipped: no GPU']
    steps = {row['who']: row for row in rows if row['part'] == 'training steps'}
    assert {'mmseg, fp32', 'here, fp32', 'here, bf16'} == steps.keys()
    works = {row['work'] for row in rows if row['part'] == 'forward passes'}
    assert works == {'W18-Small-v1, 1 x 64x64', 'W18-Small-v1, 2 x 64x64'}
    assert all(value > 0 for row in rows for value in row['values'] if row['part'] != 'tests')
    assert '### whole map' in files[1].read_text()


def row(module, part, work, who, unit, value):
    return module('results').Result(part, work, who, unit, (value,), None, '')


def test_goals_compare_the_best_of_ours(module):
    gpu = module('gpu')
    work = 'W48 + 2 auxiliary decoders, 16 x 256x512'
    rows = [
        *(row(module, gpu.TRAINING, work, who, 'images/s', value) for who, value in
          {'mmseg, fp32': 10.0, 'mmseg, AMP': 20.0, 'here, fp32': 12.0, 'here, bf16': 30.0}.items()),
        row(module, gpu.PREDICTION, 'W18, 64 x 512x512', 'here, bf16', 'Mpixel/s', 330.0),
        row(module, gpu.PREDICTION, 'W18-Small-v1, 64 x 512x512', 'mmseg, fp32', 'Mpixel/s', 9999.0),
        row(module, gpu.MAP, 'W18-Small-v1 of the zoo, 20000 x 20000', 'here, bf16', 'Mpixel/s', 150.0),
        row(module, gpu.MAP, 'W18-Small-v1 of the zoo, 20000 x 20000', 'here: in predictions', '% of the time', 400.0),
    ]  # fmt: skip
    found = [(each.values[0], each.times_as_good, each.equal) for each in gpu.goals(rows)]
    assert found == [
        (3.0, 1.0, 'reached'),
        (1.5, 1.5 / 1.6, 'not reached'),
        (330.0, 0.5, 'not reached'),
        (150.0, 1.5, 'reached'),
    ]


def test_a_work_that_fails_or_finds_no_time_is_a_row(module):
    gpu = module('gpu')
    soon, later = time.monotonic() - 1, time.monotonic() + 60
    [out_of_time] = gpu.measured(('part', 'work', lambda: pytest.fail('it was begun')), until=soon)
    assert out_of_time.equal == 'not measured: no time was left'
    [failed] = gpu.measured(('part', 'work', lambda: [int('four')]), until=later)
    assert failed.equal.startswith("not measured: failed: ValueError: invalid literal for int() with base 10: 'four'")
    [cut] = gpu.measured(('part', 'work', lambda: [time.sleep(60)]), until=time.monotonic() + 0.05)
    assert cut.equal == 'not measured: no time was left'


def test_batches_shrink_to_what_memory_holds(module):
    class Forwards:
        def works(self, images, size):
            def work():
                if images > 16:
                    raise torch.OutOfMemoryError

            return {'who': work}

    most = module('gpu_works').most_images
    assert most(Forwards(), (64, 32, 16, 8), size=(8, 8)) == 16
    with pytest.raises(torch.OutOfMemoryError, match='not even 32 images of 8x8 fit'):
        most(Forwards(), (64, 32), size=(8, 8))


def test_tests_that_did_not_run_are_a_failure(module, tmp_path):
    [result] = module('gpu').tested(tmp_path / 'tests.xml')
    assert result.equal == 'not measured: failed: they left no tests.xml'


@needs_bash
@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ((), 'give --out FOLDER'),
        (('--fast',), '--fast is unknown'),
        (('--out',), '--out without a value'),
        (('--out', 'OUT', '--wheels', 'OUT'), 'cannot be installed: make them for Python 3'),
    ],
)
def test_the_script_refuses_in_one_line(tmp_path, words, message):
    done = start(*(str(tmp_path) if word == 'OUT' else word for word in words))
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line.startswith('error: ')][-1:] == [
        line for line in done.stderr.splitlines() if message in line
    ]


@needs_bash
@pytest.mark.slow  # a process that imports torch
@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_the_script_does_not_measure_a_cpu_for_a_gpu(tmp_path):
    done = start('--out', tmp_path)
    assert (done.returncode, done.stderr) == (2, 'error: torch sees no GPU: --device cpu\n')


def write_wheel(folder):
    """Write the smallest wheel, of a plugin that says at the end of the tests that it was installed."""
    info = 'gpu_probe-1.0.dist-info'
    folder.mkdir()
    with zipfile.ZipFile(folder / 'gpu_probe-1.0-py3-none-any.whl', 'w') as wheel:
        says = 'def pytest_terminal_summary(terminalreporter):\n    terminalreporter.write_line("the wheel is here")\n'
        wheel.writestr('gpu_probe.py', says)
        wheel.writestr(f'{info}/METADATA', 'Metadata-Version: 2.1\nName: gpu-probe\nVersion: 1.0\n')
        wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
        wheel.writestr(f'{info}/RECORD', '')


@needs_bash
@pytest.mark.slow  # the tests of tests/gpu and all works in processes of their own
def test_the_script_installs_tests_and_measures(tmp_path):
    write_wheel(tmp_path / 'wheels')
    words = ['--device', 'cpu', '--toy', '--wheels', tmp_path / 'wheels', '--out', tmp_path / 'out']
    # The whole of tests/gpu runs beside this test anyway. A machine with a GPU has no pyogrio, so it is left out here.
    options = {'PYTEST_ADDOPTS': '-p gpu_probe -k metrics_count', 'LIMIT': '560'}
    done = start(*words, PYTHONPATH=str(REPO / 'benchmarks/without_pyogrio'), **options)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert 'the wheel is here' in done.stdout
    assert sorted(path.name for path in Path(tmp_path, 'out').iterdir()) == ['gpu.json', 'gpu.md', 'tests.xml']
    rows = json.loads((tmp_path / 'out/gpu.json').read_text())['results']
    assert [row['equal'] for row in rows if row['part'] == 'tests'] == ['passed'] * 2


def test_the_list_of_wheels_has_pinned_versions():
    names = {line for line in (REPO / 'benchmarks/gpu_wheels.txt').read_text().splitlines() if line[0] != '#'}
    pinned = {line.partition('==')[0] for line in (REPO / 'constraints.txt').read_text().splitlines()}
    assert names <= pinned
    assert {'onedl-mmcv', 'onedl-mmengine', 'onedl-mmsegmentation'} <= names
