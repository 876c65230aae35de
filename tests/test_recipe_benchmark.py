"""benchmarks/recipe.py: the recipes are what their names say, and finished runs are not made again."""

import importlib
import importlib.util
import json
import sys
from argparse import Namespace
from types import SimpleNamespace

import numpy as np
import pytest
from mmseg.registry import HOOKS, MODELS
from tool_support import REPO

FOLDER = REPO / 'benchmarks'


@pytest.fixture(scope='module')
def recipe():
    sys.path.insert(0, str(FOLDER))
    spec = importlib.util.spec_from_file_location('recipe', FOLDER / 'recipe.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(FOLDER))


def config_of(recipe, name, iterations=3000):
    return recipe.recipe_config(name, 'root', iterations=iterations, seed=1)


def steps(config):
    return {step['type']: step for step in config.train_dataloader.dataset.pipeline}


def test_every_recipe_builds(recipe):
    for name in recipe.RECIPES:
        config = config_of(recipe, name)
        if not name.startswith(recipe.PEER):  # of a package that is not installed here
            assert MODELS.build(config.model).num_classes == 2
        iterations = 6000 if name == 'AdamW, batches of 4' else 3000
        assert config.train_cfg.max_iters == config.default_hooks.checkpoint.interval == iterations
        ends = [scheduler.end for scheduler in config.param_scheduler]
        assert ends[-1] == iterations
        assert [scheduler.begin for scheduler in config.param_scheduler] == [0, *ends[:-1]]
        assert config.randomness == {'seed': 1}


def test_recipes_are_what_their_names_say(recipe):
    stock, plain, aux = (config_of(recipe, name) for name in ('stock mmseg', 'AdamW', 'AdamW + aux 123'))
    assert (stock.model.backbone.type, stock.model.decode_head.type) == ('HRNet', 'FCNHead')
    assert stock.optim_wrapper.optimizer.type == 'SGD'
    assert 'RandomScaledCrop' not in steps(stock)
    assert steps(stock)['RandomCrop']['crop_size'] == (256, 256)
    assert plain.optim_wrapper.optimizer == {'type': 'AdamW', 'lr': 2e-3, 'weight_decay': 0.02}
    assert [(each.begin, each.end) for each in plain.param_scheduler] == [(0, 100), (100, 3000)]
    assert (plain.default_hooks.ema.ema_type, plain.default_hooks.ema.momentum) == ('MomentumAnnealingEMA', 0.005)
    assert config_of(recipe, 'AdamW, even mean').default_hooks.ema == {'type': 'EMAHook', 'momentum': 0.005}
    assert steps(plain)['RandomScaledCrop']['turns']
    assert not steps(config_of(recipe, 'AdamW without turns'))['RandomScaledCrop']['turns']
    assert [
        steps(config_of(recipe, name))['RandomScaledCrop']['cat_max_ratio']
        for name in ('AdamW', 'AdamW, first windows')
    ] == [0.75, 1.0]
    colours = [
        steps(each)['TablePhotoMetricDistortion'] for each in (plain, config_of(recipe, 'AdamW, colours of mmseg'))
    ]
    assert [each['hue_delta'] for each in colours] == [9, 18]
    assert [head.in_index for head in aux.model.auxiliary_head] == [[1, 2, 3]]
    pasting = [step['type'] for step in config_of(recipe, 'AdamW + copy-paste').train_dataloader.dataset.pipeline]
    assert pasting[2:4] == ['RandomScaledCrop', 'CopyPaste']
    assert 'ema' not in config_of(recipe, 'AdamW without mean').default_hooks


def test_settings_may_be_given_for_every_recipe(recipe):
    changes = {'train_dataloader.dataset.pipeline.3.brightness_delta': 48}
    config = recipe.recipe_config('AdamW without turns', 'root', iterations=10, seed=1, changes=changes)
    assert steps(config)['TablePhotoMetricDistortion']['brightness_delta'] == 48
    assert not steps(config)['RandomScaledCrop']['turns']


def test_short_runs_have_a_short_warm_up(recipe):
    assert [(each.begin, each.end) for each in config_of(recipe, 'AdamW', 30).param_scheduler] == [(0, 15), (15, 30)]


def test_what_is_finished_is_not_trained_again(recipe, tmp_path):
    records = [
        {
            'recipe': 'AdamW',
            'seed': seed,
            'iterations': 10,
            'speed': 'safe',
            'changes': {'max_iters': [1, 2]},
            'figures': {'val.txt': value, 'test.txt': 50.0},
        }
        for seed, value in ((0, 60.0), (2, 62.0))
    ]
    for record in records:
        (tmp_path / f'AdamW_{record["seed"]}.json').write_text(json.dumps(record), encoding='utf-8')
    args = Namespace(out=tmp_path, iterations=10, speed='safe', changes={'max_iters': (1, 2)})
    assert [recipe.measured('AdamW', seed, args) for seed in (0, 2)] == records
    assert recipe.table(records).splitlines()[-1] == ('| AdamW | 2 | 10 | 61.0 (60.0 to 62.0) | 50.0 (50.0 to 50.0) |')


@pytest.mark.parametrize('other', [{'iterations': 20}, {'speed': 'max'}, {'changes': {'seed': 2}}])
def test_runs_of_another_length_precision_or_settings_are_not_mixed(recipe, tmp_path, other):
    record = {'recipe': 'AdamW', 'seed': 0, 'iterations': 10, 'speed': 'safe', 'changes': {}, 'figures': {}}
    (tmp_path / 'AdamW_0.json').write_text(json.dumps(record), encoding='utf-8')
    with pytest.raises(SystemExit, match='another --out'):
        recipe.measured(
            'AdamW', 0, Namespace(out=tmp_path, **{'iterations': None, 'speed': 'safe', 'changes': {}, **other})
        )


def test_auxiliary_decoders_see_the_branches_that_their_names_say(recipe):
    heads = config_of(recipe, 'AdamW + aux 123, 23 of weight 0.2').model.auxiliary_head
    assert [head.in_index for head in heads] == [[1, 2, 3], [2, 3]]
    assert {loss.loss_weight for head in heads for loss in head.loss_decode} == {0.2}
    [finest] = config_of(recipe, 'AdamW + aux 0').model.auxiliary_head
    assert (finest.in_index, finest.in_channels) == ([0], [16])


def test_a_falling_weight_is_that_of_the_config_at_first_and_ends_at_zero(recipe):
    config = config_of(recipe, 'AdamW + aux 123, 23, falling to 0')
    assert config.custom_imports.imports[-1] == 'auxiliary_decay'
    importlib.import_module('auxiliary_decay')
    hook = HOOKS.build(config.custom_hooks[-1])
    runner = SimpleNamespace(model=MODELS.build(config.model), max_iters=4)
    hook.before_train(runner)
    weights = []
    for iteration in range(4):
        runner.iter = iteration
        hook.before_train_iter(runner, iteration)
        heads = runner.model.auxiliary_head
        weights.append({round(loss.loss_weight, 9) for head in heads for loss in head.loss_decode})
    assert weights == [{0.4}, {0.3}, {0.2}, {0.1}]
    assert {loss.loss_weight for loss in runner.model.decode_head.loss_decode} == {1.0}


def test_the_table_of_what_is_finished_needs_no_training(recipe, tmp_path, monkeypatch, capsys):
    for seed, value in enumerate((60.0, 61.0, 65.0)):
        record = {'recipe': 'AdamW', 'iterations': 700, 'figures': {'val.txt': value}}
        (tmp_path / f'AdamW_{seed}.json').write_text(json.dumps(record), encoding='utf-8')
    (tmp_path / 'yolo26n-sem_0.json').write_text(
        json.dumps({'recipe': 'yolo26n-sem', 'figures': {'val.txt': 50.0, 'test.txt': 40.0}}), encoding='utf-8'
    )
    monkeypatch.setattr(sys, 'argv', ['recipe.py', 'root', '--out', str(tmp_path), '--show'])
    recipe.main()
    assert capsys.readouterr().out.splitlines() == [
        '| recipe | seeds | iterations | val.txt | test.txt |',
        '| --- | --- | --- | --- | --- |',
        '| AdamW | 3 | 700 | 62.0 (60.0 to 65.0) |  |',
        '| yolo26n-sem | 1 |  | 50.0 (50.0 to 50.0) | 40.0 (40.0 to 40.0) |',
    ]


def test_the_picture_has_a_row_a_recipe_and_a_dot_a_seed(recipe, tmp_path):
    drawing = importlib.import_module('recipe_figure')
    for name, seed, value in (('AdamW', 0, 60.0), ('AdamW', 1, 62.0), ('SGD', 0, 50.0)):
        record = {'recipe': name, 'figures': {'val.txt': value, 'test.txt': value + 5}}
        (tmp_path / f'{name}_{seed}.json').write_text(json.dumps(record), encoding='utf-8')
    found = drawing.panels([tmp_path], ['test.txt'])
    assert found == {f'{tmp_path.name}, test.txt': {'AdamW': [65.0, 67.0], 'SGD': [55.0]}}
    [axes] = drawing.drawn(found, ['SGD', 'AdamW']).axes
    dots = [spot.get_offsets().tolist() for spot in axes.collections]
    assert dots == [[[55.0, 0.0]], [[55.0, 0.0]], [[65.0, 1.0], [67.0, 1.0]], [[66.0, 1.0]]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ['SGD', 'AdamW']


def test_the_iou_of_a_threshold_is_that_of_its_pixels(recipe):
    decisions = importlib.import_module('recipe_decisions')
    counts = np.zeros((2, decisions.STEPS), np.int64)
    counts[0, [100, 600]] = 30, 10  # background whose probability of green is 0.1 and 0.6
    counts[1, [550, 900]] = 20, 40  # green
    assert decisions.ious(counts)[[500, 580, 0]] == pytest.approx([100 * 60 / 70, 100 * 40 / 70, 100 * 60 / 100])
