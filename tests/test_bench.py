"""The benchmarks run, at toy size, and see unequal work; how fast things are is no matter of tests."""

import importlib
import json
import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tool_support import REPO

FOLDER = REPO / 'benchmarks'
IN_PROCESS = ('metric', 'threshold')
IN_OWN_ONES = ('prediction', 'training_step', 'multi_scale')
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


# slow: processes that import everything, one for each contender
IN_OTHERS = [pytest.param(part, marks=pytest.mark.slow) for part in IN_OWN_ONES + IN_FRESH_ONES]


@pytest.mark.parametrize('part', [*IN_PROCESS, *IN_OTHERS])
def test_every_work_is_measured_for_both(module, part):
    results = list(module(part).measure(toy()))
    measured = [result for result in results if result.values]
    assert measured
    assert all(ABSENT in result.equal for result in results if not result.values)
    assert all(math.isfinite(value) and value > 0 for result in measured for value in result.values)
    if part != 'threshold':
        works = {(result.work, result.unit) for result in measured}
        assert all({result.who for result in measured if (result.work, result.unit) == work} >= BOTH for work in works)


def test_every_part_has_a_toy_run_in_the_tests(module):
    assert {*module('bench').PARTS} == {*IN_PROCESS, *IN_OWN_ONES, *IN_FRESH_ONES, 'input_pipeline'}


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
line.add_argument('--networks', nargs='+', default=['w'])
args = line.parse_args()
works, rounds = ' '.join(args.networks), float(args.rounds)
row = dict(part='good', work=works, who='here', unit='ms', values=[rounds], times_as_good=None, equal='')
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


@pytest.mark.parametrize(('parts', 'works'), [(['good'], 'a b'), ([], 'w')])
def test_networks_are_handed_to_parts_that_have_them(bench, monkeypatch, tmp_path, parts, works):
    monkeypatch.setattr(bench, 'WITH_NETWORKS', parts)
    assert bench.main(['good', '--rounds', '1', f'--json={tmp_path / "json"}', '--networks', 'a', 'b']) == 0
    [result] = json.loads((tmp_path / 'json').read_text(encoding='utf-8'))['results']
    assert result['work'] == works


def test_parts_with_networks_are_those_that_have_the_option(module):
    parts = module('bench').PARTS
    given = [part for part in parts if "'--networks'" in (FOLDER / f'{part}.py').read_text(encoding='utf-8')]
    assert {*module('bench').WITH_NETWORKS} == {*given}


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
    stock, ours = contenders.stock_segmentor(model), contenders.our_segmentor(model)
    assert not any(type(part).__module__.startswith('mmseg_aux_hrnet') for part in stock.modules())
    weights, same = stock.state_dict(), ours.state_dict()
    assert weights.keys() == same.keys()
    assert all(torch.equal(values, same[name]) for name, values in weights.items())


def test_unequal_predictions_are_seen(module):
    prediction = module('prediction')
    stock = np.random.default_rng(0).random((1, 2, 8, 8), dtype=np.float32)
    assert prediction.check_equal({'mmseg': stock, 'here': stock + 5e-5}).startswith('same weights')
    other = stock.copy()
    other[0, 1, 7, 7] += 2e-4
    with pytest.raises(AssertionError, match='probabilities differ'):
        prediction.check_equal({'mmseg': stock, 'here': stock, 'timm': other})
    with pytest.raises(AssertionError, match='too much alike'):
        prediction.check_equal({'mmseg': stock / 4, 'here': stock / 4})


def test_bfloat16_says_how_many_pixels_it_changes(module):
    stock = np.zeros((1, 2, 10, 10), dtype=np.float32)
    mine = stock.copy()
    mine[0, 1, 0, :3] = 0.1
    assert module('prediction').in_bfloat16(mine, stock) == 'no: bfloat16, 3 % of pixels in another class'


def test_a_size_is_images_height_and_width(module):
    size = module('prediction').size
    assert str(size('4x512x1024')) == '4 x 512x1024'
    for wrong, said in (('0x64x64', '^0x64x64$'), ('1x64x65', '65$'), ('1x-32x32', '-32x32$'), ('axbxc', "'a'$")):
        with pytest.raises(ValueError, match=said):
            size(wrong)


def test_unequal_classes_are_seen(module):
    check = module('multi_scale').check_equal
    stock = np.zeros((1, 100, 200), dtype=np.int64)
    stock[0, 0] = 1
    other = stock.copy()
    other[0, 9, :2] = 1
    assert check({'mmseg': stock, 'here': other}) == 'same weights, 2 of 20000 pixels of another class'
    other[0, 9, 2] = 1
    with pytest.raises(AssertionError, match='the classes of 3 of 20000 pixels differ'):
        check({'mmseg': stock, 'here': other})
    with pytest.raises(AssertionError, match='one class only'):
        check({'mmseg': stock * 0, 'here': stock * 0})


def test_unequal_gradients_are_seen(module, tmp_path):
    step = module('training_step')
    trainers = {who: step.Trainer(who, network='W18-Small-v1') for who in ('mmseg', 'here')}

    def check():
        losses = {who: trainer.prepare((64, 64), tmp_path / f'{who}.npy') for who, trainer in trainers.items()}
        return step.check_equal(losses, {who: np.load(tmp_path / f'{who}.npy') for who in trainers})

    assert check().startswith('same weights')
    torch.nn.init.zeros_(trainers['here'].segmentor.auxiliary_head[1].conv_seg.weight)
    with pytest.raises(AssertionError, match='gradients'):
        check()


def test_steps_are_those_of_training(module, tmp_path):
    trainer = module('training_step').Trainer('mmseg', network='W18-Small-v1')
    trainer.prepare((64, 64), tmp_path / 'gradients.npy')
    norm = trainer.segmentor.backbone.bn1
    before = norm.running_mean.clone(), trainer.segmentor.backbone.conv1.weight.clone()
    trainer.run()
    assert not torch.equal(norm.running_mean, before[0])
    assert not torch.equal(trainer.segmentor.backbone.conv1.weight, before[1])


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


def test_a_library_is_looked_for_in_the_folder_of_peers_which_is_not_on_the_path(module, tmp_path):
    (tmp_path / 'a_peer.py').touch()
    missing = module('libraries').missing
    assert missing('a_peer', tmp_path) is None
    assert missing('a_peer', None).startswith('no a_peer')
    assert str(tmp_path) not in sys.path  # which other processes get


def test_networks_of_timm_take_the_weights(module):
    pytest.importorskip('timm', exc_type=Exception)
    contenders, libraries = module('contenders'), module('libraries')
    stock = contenders.stock_segmentor(contenders.leaf('W18-Small-v1').model)
    image = torch.rand(1, 3, 64, 64)
    peer = libraries.timm_segmentor(stock, 'W18-Small-v1')
    pairs = zip(peer.backbone(image), stock.backbone(image), strict=True)
    assert all(torch.allclose(mine, other, atol=1e-5) for mine, other in pairs)


def test_the_picture_has_a_bar_for_every_work_that_is_compared(module, tmp_path):
    compared, figure = module('results').compared, module('figure')
    works = {'small': {'mmseg': [10.0], 'here': [5.0], 'onnxruntime': [4.0]}, 'alone': {'here': [1.0]}}
    results = [result for work, times in works.items() for result in compared('part', work, times, unit='ms', equal='')]
    found = figure.ratios(results)
    assert found == {'part: small': {'here': 2.0, 'onnxruntime': 2.5}}
    axes = figure.drawn(found).axes[0]
    assert [(bar.get_x(), bar.get_width()) for bar in axes.patches] == [(1, 1)]
    assert [text.get_text() for text in axes.get_yticklabels()] == ['part: small']


def test_what_comes_once_has_no_ratio_beside_what_comes_every_round(module):
    given = toy()
    given.rounds = 2
    counts = {result.who: (len(result.values), result.times_as_good) for result in module('threshold').measure(given)}
    assert counts['prediction'] == (2, 1.0)
    assert counts['figures at the end, once'] == (1, None)
