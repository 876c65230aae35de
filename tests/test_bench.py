"""The benchmarks run, at toy size, and see unequal work; how fast things are is no matter of tests."""

import importlib
import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

FOLDER = Path(__file__).resolve().parents[1] / 'benchmarks'
IN_PROCESS = ('prediction', 'training_step', 'multi_scale', 'metric', 'threshold')
IN_FRESH_ONES = ('training_run', 'import_time', 'memory')
BOTH = {'mmseg', 'here'}
ABSENT = 'it comes with make bench'


@pytest.fixture
def module(monkeypatch):
    """Return a function that imports a script of the folder."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


def toy(**more):
    return SimpleNamespace(toy=True, rounds=1, threads=1, peers=None, networks=[], iterations=1, workers=0, **more)


@pytest.mark.parametrize('part', IN_PROCESS + IN_FRESH_ONES)
def test_every_work_is_measured_for_both(module, part):
    results = list(module(part).measure(toy()))
    measured = [result for result in results if result.values]
    assert all(ABSENT in result.equal for result in results if not result.values)
    assert all(math.isfinite(value) and value > 0 for result in measured for value in result.values)
    if part != 'threshold':
        works = {(result.work, result.unit) for result in measured}
        assert all({result.who for result in measured if (result.work, result.unit) == work} >= BOTH for work in works)


def test_every_part_has_a_toy_run_in_the_tests(module):
    assert {*module('bench').PARTS} == {*IN_PROCESS, *IN_FRESH_ONES, 'input_pipeline'}


def test_ratio_is_the_median_of_the_rounds_and_above_one_is_better(module):
    compared = module('results').compared
    times = {'mmseg': [10.0, 40.0, 30.0], 'here': [5.0, 10.0, 30.0]}
    stock, ours = compared('part', 'work', times, unit='ms', equal='')
    assert (stock.times_as_good, ours.times_as_good) == (1.0, 2.0)
    [_, rates] = compared('part', 'work', times, unit='1/s', equal='', more_is_better=True)
    assert rates.times_as_good == 0.5
    [_, none] = compared('part', 'work', {'mmseg': [1.0], 'here': [0.0]}, unit='MB', equal='')
    assert none.times_as_good is None


def test_rows_of_one_work_say_once_what_it_is(module):
    results = module('results')
    rows = results.compared('part', 'a|b', {'mmseg': [2.0, 4.0], 'here': [1.0, 1.0]}, unit='ms', equal='yes')
    lines = results.to_markdown([*rows, results.not_measured('part', 'c', 'timm', reason='absent')], 'machine')
    assert lines.splitlines()[0] == 'machine'
    assert lines.splitlines()[-3:] == [
        '| a/b | mmseg | 3 | 2 | 4 | ms | 1.00 | yes |',
        '|  | here | 1 | 1 | 1 | ms | 3.00 |  |',
        '| c | timm | - | - | - |  | - | not measured: absent |',
    ]


GOOD = """
import argparse, json
line = argparse.ArgumentParser()
for name in ('json', 'rounds'):
    line.add_argument(f'--{name}')
line.add_argument('--toy', action='store_true')
args = line.parse_args()
row = dict(part='good', work='w', who='here', unit='ms', values=[float(args.rounds)], times_as_good=None, equal='')
open(args.json, 'w').write(json.dumps({'setting': '', 'results': [row]}))
"""


@pytest.fixture
def bench(module, monkeypatch, tmp_path):
    """Return the command, over two scripts of which one fails."""
    (tmp_path / 'good.py').write_text(GOOD, encoding='utf-8')
    (tmp_path / 'bad.py').write_text('raise SystemExit("logits differ")', encoding='utf-8')
    command = module('bench')
    monkeypatch.setattr(command, 'HERE', tmp_path)
    monkeypatch.setattr(command, 'PARTS', ('bad', 'good'))
    return command


def test_a_part_that_fails_is_named_and_the_others_run(bench, tmp_path, capsys):
    files = [f'--{kind}={tmp_path / kind}' for kind in ('json', 'markdown')]
    assert bench.main(['--rounds', '3', *files]) == 1
    bad, good = json.loads((tmp_path / 'json').read_text(encoding='utf-8'))['results']
    assert bad['equal'] == 'not measured: failed: logits differ'
    assert good['values'] == [3.0]
    assert '| w | here | 3 | 3 | 3 | ms |' in (tmp_path / 'markdown').read_text(encoding='utf-8')
    assert 'failed: bad' in capsys.readouterr().out


def test_one_part_alone(bench, capsys):
    assert bench.main(['good', '--rounds', '1']) == 0
    assert 'bad' not in capsys.readouterr().out


@pytest.mark.parametrize('wrong', [['wrong'], ['--rounds', '0'], ['--peers', 'nowhere'], ['--json', 'nowhere/a']])
def test_what_cannot_be_measured_is_refused(bench, wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        bench.main(wrong)
    assert ended.value.code == 2
    assert wrong[-1] in capsys.readouterr().err


def test_a_fresh_process_answers_or_says_why_not(module):
    fresh = module('turns').fresh
    answer = fresh(['-c', 'import os; print("words"); print(f\'{{"n": {os.environ["OMP_NUM_THREADS"]}}}\')'], threads=3)
    assert answer['n'] == 3
    assert answer['cpu_s'] >= 0
    with pytest.raises(RuntimeError, match='no such thing'):
        fresh(['-c', 'raise SystemExit("no such thing")'], threads=1)


@pytest.mark.skipif(sys.platform == 'win32', reason='does not tell')
def test_peak_memory_is_that_of_the_process_itself(module):
    code = "import json; from turns import peak_memory as p; a = p(); b = b'x' * 10**8; print(json.dumps([a, p()]))"
    held = b'x' * 3 * 10**8  # by the process that starts it
    printed = subprocess.check_output([sys.executable, '-c', code], env=module('turns').surroundings())
    first, then = json.loads(printed)
    assert first < len(held) / 1e6
    assert 90 < then - first < 130


def test_stock_has_nothing_of_this_package_but_the_same_weights(module):
    contenders = module('contenders')
    model = contenders.leaf('W18-Small-v1').model
    contenders.plain_losses(model)
    stock, ours = contenders.build(contenders.stock_model(model)), contenders.build(model)
    assert not any(type(part).__module__.startswith('mmseg_aux_hrnet') for part in stock.modules())
    assert stock.state_dict().keys() == ours.state_dict().keys()


def test_unequal_predictions_are_seen(module):
    prediction, contenders = module('prediction'), module('contenders')
    batch = module('noise').batch(1, size=(64, 64))
    pair = contenders.segmentors(contenders.leaf('W18-Small-v1').model)
    works = dict(zip(('mmseg', 'here'), (contenders.without_gradients(one.test_step) for one in pair), strict=True))
    assert prediction.check_equal(works, batch).startswith('same weights')
    brighter = {**batch, 'inputs': [image.clamp(max=250) + 5 for image in batch['inputs']]}
    with pytest.raises(AssertionError, match='probabilities differ'):
        prediction.check_equal({'mmseg': works['mmseg'], 'here': lambda given: works['here'](brighter)}, batch)


def test_unequal_gradients_are_seen(module):
    step, contenders = module('training_step'), module('contenders')
    given = module('noise').batch(2, size=(64, 64))
    model = contenders.leaf('W18-Small-v1').model
    models = {'mmseg': contenders.build(contenders.stock_model(model)), 'here': contenders.build(model)}
    assert step.check_equal(models, given).startswith('same weights')
    torch.nn.init.zeros_(models['here'].auxiliary_head[1].conv_seg.weight)
    with pytest.raises(AssertionError, match='gradients'):
        step.check_equal(models, given)


def test_unequal_training_is_seen(module, tmp_path, monkeypatch):
    run = module('training_run')
    run.write_tiles(tmp_path / 'tiles', count=2, side=64)
    config = run.our_config('W18-Small-v1', tmp_path / 'tiles', side=64, iterations=1, workers=0)
    assert 'same weights' in run.check_equal(config)
    loss = run._loss
    losses = iter((1.0, 1.01))
    monkeypatch.setattr(run, '_loss', lambda *given: next(losses) * loss(*given))
    with pytest.raises(AssertionError, match='losses of one batch'):
        run.check_equal(config)
    config.train_dataloader.dataset.pipeline[2].cat_max_ratio = 0.2
    with pytest.raises(AssertionError, match='labels differ'):
        run.check_equal(config)


def test_networks_of_timm_take_the_weights(module):
    pytest.importorskip('timm', exc_type=Exception)
    contenders, libraries = module('contenders'), module('libraries')
    [stock, _] = contenders.segmentors(contenders.leaf('W18-Small-v1').model)
    image = torch.rand(1, 3, 64, 64)
    peer = libraries.timm_segmentor(stock, 'W18-Small-v1')
    pairs = zip(peer.backbone(image), stock.backbone(image), strict=True)
    assert all(torch.allclose(mine, other, atol=1e-5) for mine, other in pairs)
