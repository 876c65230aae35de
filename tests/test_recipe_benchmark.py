"""benchmarks/recipe.py: the recipes are what their names say, and finished runs are not made again."""

import importlib.util
import json
import sys
from argparse import Namespace

import pytest
from mmseg.registry import MODELS
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
        if name != recipe.PEER:  # of a package that is not installed here
            assert MODELS.build(config.model).num_classes == 2
        iterations = 6000 if name == 'AdamW, batches of 4' else 3000
        assert (config.train_cfg.max_iters, config.param_scheduler[-1].end) == (iterations, iterations)


def test_recipes_are_what_their_names_say(recipe):
    stock, plain, aux = (config_of(recipe, name) for name in ('stock mmseg', 'AdamW', 'AdamW + aux 123'))
    assert (stock.model.backbone.type, stock.model.decode_head.type) == ('HRNet', 'FCNHead')
    assert stock.optim_wrapper.optimizer.type == 'SGD'
    assert 'RandomScaledCrop' not in steps(stock)
    assert plain.optim_wrapper.optimizer == {'type': 'AdamW', 'lr': 2e-3, 'weight_decay': 0.02}
    assert [(each.begin, each.end) for each in plain.param_scheduler] == [(0, 100), (100, 3000)]
    assert plain.default_hooks.ema.momentum == 0.005
    assert steps(plain)['RandomScaledCrop']['turns']
    assert [head.in_index for head in aux.model.auxiliary_head] == [[1, 2, 3]]
    pasting = [step['type'] for step in config_of(recipe, 'AdamW + copy-paste').train_dataloader.dataset.pipeline]
    assert pasting[2:4] == ['RandomScaledCrop', 'CopyPaste']
    assert 'ema' not in config_of(recipe, 'AdamW without mean').default_hooks


def test_short_runs_have_a_short_warm_up(recipe):
    assert [(each.begin, each.end) for each in config_of(recipe, 'AdamW', 30).param_scheduler] == [(0, 15), (15, 30)]


def test_what_is_finished_is_not_trained_again(recipe, tmp_path):
    records = [
        {
            'recipe': 'AdamW',
            'seed': seed,
            'iterations': 10,
            'speed': 'safe',
            'figures': {'val.txt': value, 'test.txt': 50.0},
        }
        for seed, value in ((0, 60.0), (2, 62.0))
    ]
    for record in records:
        (tmp_path / f'AdamW_{record["seed"]}.json').write_text(json.dumps(record), encoding='utf-8')
    args = Namespace(out=tmp_path, iterations=10, speed='safe')
    assert [recipe.measured('AdamW', seed, args) for seed in (0, 2)] == records
    assert recipe.table(records).splitlines()[-1] == ('| AdamW | 2 | 10 | 61.0 (60.0 to 62.0) | 50.0 (50.0 to 50.0) |')


@pytest.mark.parametrize('other', [{'iterations': 20, 'speed': 'safe'}, {'iterations': None, 'speed': 'max'}])
def test_runs_of_another_length_or_precision_are_not_mixed(recipe, tmp_path, other):
    record = {'recipe': 'AdamW', 'seed': 0, 'iterations': 10, 'speed': 'safe', 'figures': {}}
    (tmp_path / 'AdamW_0.json').write_text(json.dumps(record), encoding='utf-8')
    with pytest.raises(SystemExit, match='another --out'):
        recipe.measured('AdamW', 0, Namespace(out=tmp_path, **other))
