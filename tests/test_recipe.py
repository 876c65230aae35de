"""The recipes that benchmarks/recipe.py trains are what their names say."""

import importlib
from types import SimpleNamespace

import numpy as np
import pytest
from mmseg.registry import HOOKS, MODELS
from tool_support import REPO


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(REPO / 'benchmarks'))


@pytest.fixture
def config_of(tmp_path):
    recipe = importlib.import_module('recipe')
    return lambda name, iterations=700: recipe.recipe_config(name, tmp_path, iterations=iterations, seed=3)


def step(config, kind):
    return next(one for one in config.train_dataloader.dataset.pipeline if one.type == kind)


def test_every_recipe_ends_its_schedule_with_the_training(config_of):
    recipe = importlib.import_module('recipe')
    for name in recipe.RECIPES:
        config = config_of(name)
        assert config.train_cfg.max_iters == (1400 if name == 'AdamW, batches of 4' else 700)
        ends = [scheduler.end for scheduler in config.param_scheduler]
        assert ends[-1] == config.train_cfg.max_iters == config.default_hooks.checkpoint.interval
        assert [scheduler.begin for scheduler in config.param_scheduler] == [0, *ends[:-1]]
        assert config.randomness == {'seed': 3}


def test_auxiliary_decoders_see_the_branches_that_their_names_say(config_of):
    heads = config_of('AdamW + aux 123, 23 of weight 0.2').model.auxiliary_head
    assert [head.in_index for head in heads] == [[1, 2, 3], [2, 3]]
    assert {loss.loss_weight for head in heads for loss in head.loss_decode} == {0.2}
    [finest] = config_of('AdamW + aux 0').model.auxiliary_head
    assert (finest.in_index, finest.in_channels) == ([0], [16])
    assert all(MODELS.build(head).num_classes == 2 for head in (*heads, finest))


def test_a_falling_weight_is_that_of_the_config_at_first_and_ends_at_zero(config_of):
    config = config_of('AdamW + aux 123, 23, falling to 0')
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


def test_edits_change_what_they_name_and_no_other_recipe(config_of):
    plain = config_of('AdamW')
    assert step(plain, 'RandomScaledCrop').turns and step(plain, 'TablePhotoMetricDistortion').hue_delta == 24
    assert not step(config_of('AdamW without turns'), 'RandomScaledCrop').turns
    assert step(config_of('AdamW, colours of mmseg'), 'TablePhotoMetricDistortion').hue_delta == 18
    assert 'ema' not in config_of('AdamW without mean').default_hooks
    assert [one['type'] for one in config_of('AdamW + copy-paste').train_dataloader.dataset.pipeline][2:4] == [
        'RandomScaledCrop',
        'CopyPaste',
    ]
    stock = config_of('stock mmseg')
    assert (stock.model.type, stock.model.backbone.type) == ('EncoderDecoder', 'HRNet')
    assert step(stock, 'RandomCrop').crop_size == (256, 256)


def test_the_table_has_means_and_spread_over_seeds():
    recipe = importlib.import_module('recipe')
    runs = [{'recipe': 'A', 'iterations': 700, 'figures': {'val.txt': value}} for value in (60.0, 61.0, 65.0)]
    assert recipe.table(runs).splitlines()[2] == '| A | 3 | 700 | 62.0 (60.0 to 65.0) |'


def test_the_iou_of_a_threshold_is_that_of_its_pixels():
    decisions = importlib.import_module('recipe_decisions')
    counts = np.zeros((2, decisions.STEPS), np.int64)
    counts[0, [100, 600]] = 30, 10  # background whose probability of green is 0.1 and 0.6
    counts[1, [550, 900]] = 20, 40  # green
    ious = decisions.ious(counts)
    assert ious[500] == pytest.approx(100 * 60 / 70)
    assert ious[580] == pytest.approx(100 * 40 / 70)
    assert ious[0] == pytest.approx(100 * 60 / 100)
