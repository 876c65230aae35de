import math

import pytest
import torch
from mmseg.registry import PARAM_SCHEDULERS

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.report import Report, Section
from mmseg_aux_hrnet.exchange.migration.training import Length, migrate_length, migrate_schedule

BASE = 0.01
POLY = dict(policy='poly', power=0.9, min_lr=1e-4, by_epoch=False)
WARM = dict(warmup='linear', warmup_iters=500, warmup_ratio=1e-3)
COSINE = dict(policy='CosineAnnealing', min_lr=1e-5, by_epoch=False)
STEP = dict(policy='step', step=[700, 1500], gamma=0.3, by_epoch=False)


def schedulers(lr_config, length):
    report = Report()
    return migrate_schedule(Section(dict(lr_config=lr_config), place='', report=report), length), report


def curve(lr_config, length, steps, epoch=1):
    """Return the learning rate of each iteration as mmengine's schedulers give it."""
    built, report = schedulers(lr_config, length)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)
    default = dict(optimizer=optimizer, epoch_length=epoch)
    built = [PARAM_SCHEDULERS.build(dict(settings), default_args=default) for settings in built]
    rates = []
    for step in range(1, steps + 1):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in built:
            if not scheduler.by_epoch or step % epoch == 0:
                scheduler.step()
    return rates, report


def old_rate(config, step, total):
    """Return the learning rate of an iteration by the formulas of mmcv 1.x."""
    low = config.get('min_lr', 0.0)
    rate = {
        'fixed': lambda: BASE,
        'poly': lambda: (BASE - low) * (1 - step / total) ** config.get('power', 1.0) + low,
        'CosineAnnealing': lambda: low + (BASE - low) * (1 + math.cos(math.pi * step / total)) / 2,
        'step': lambda: BASE * config['gamma'] ** sum(step >= place for place in config['step']),
        'exp': lambda: BASE * config['gamma'] ** step,
    }[config['policy']]()
    if step >= config.get('warmup_iters', 0):
        return rate
    ratio = config['warmup_ratio']
    return rate * (ratio if config['warmup'] == 'constant' else 1 - (1 - step / config['warmup_iters']) * (1 - ratio))


def deviation(config, steps):
    rates, report = curve(config, Length(False, steps), steps)
    assert not report.notes
    wanted = [old_rate(config, step, steps) for step in range(steps)]
    return max(abs(got - want) / want for got, want in zip(rates, wanted, strict=True))


@pytest.mark.parametrize(
    'config',
    [
        POLY,
        dict(POLY, min_lr=0.0, **WARM),
        COSINE,
        STEP,
        dict(STEP, **{**WARM, 'warmup': 'constant'}),
        dict(policy='exp', gamma=0.999, by_epoch=False),
        dict(policy='fixed', **WARM),
    ],
    ids=str,
)
@pytest.mark.parametrize('steps', [2000, 2001])
def test_learning_rates_are_those_of_0x(config, steps):
    assert deviation(config, steps) < 1e-9


@pytest.mark.slow  # 80,000 steps
@pytest.mark.parametrize(('steps', 'warm'), [(80_000, {}), (80_000, dict(WARM, warmup_iters=1500, warmup_ratio=1e-6))])
def test_learning_rates_of_the_whole_training_with_a_floor(steps, warm):
    # Beside a warm-up, PolyLR also pulls the low rates of the start towards its floor.
    assert deviation(dict(POLY, **warm), steps) < (0.002 if warm else 1e-9)


def test_decay_by_iteration_in_a_training_of_epochs_runs_to_the_end_of_the_last_epoch():
    rates, _ = curve(POLY, Length(True, 4), 400, epoch=100)
    wanted = [old_rate(POLY, step, 399) for step in range(400)]
    assert max(abs(got - want) / want for got, want in zip(rates, wanted, strict=True)) < 1e-9


def test_decay_by_epoch():
    rates, _ = curve(dict(policy='step', step=[2, 3], gamma=0.1), Length(True, 4), 20, epoch=5)
    assert rates == pytest.approx([BASE] * 10 + [BASE / 10] * 5 + [BASE / 100] * 5)
    rates, _ = curve(dict(policy='poly', power=1.0), Length(True, 4), 20, epoch=5)
    assert rates[::5] == pytest.approx([BASE, BASE * 0.75, BASE / 2, BASE / 4])


def test_warm_up_by_epochs():
    warm = dict(policy='fixed', warmup='linear', warmup_iters=2, warmup_ratio=0.5, warmup_by_epoch=True)
    rates, _ = curve(warm, Length(True, 4), 40, epoch=10)
    assert rates[0] == BASE / 2
    assert rates[19] == pytest.approx(BASE)
    assert rates == sorted(rates)


@pytest.mark.parametrize(
    ('config', 'place', 'count'),
    [
        (dict(policy='cyclic', by_epoch=False, target_ratio=(1, 2)), 'lr_config', 0),
        (dict(policy='step', step=3, by_epoch=True), 'lr_config', 0),
        (dict(policy='fixed', warmup='linear', warmup_iters=1, warmup_by_epoch=True), 'lr_config.warmup_by_epoch', 0),
        (dict(policy='fixed', warmup='exp', warmup_iters=5), 'lr_config.warmup', 1),
        (dict(STEP, min_lr=1e-5), 'lr_config.min_lr', 1),
        (dict(POLY, odd=1), 'lr_config.odd', 1),
    ],
)
def test_what_is_not_as_it_was_is_named(config, place, count):
    got, report = schedulers(config, Length(False, 10))
    assert len(got) == count
    assert [note.place for note in report.notes] == [place]


def test_the_unit_is_that_of_the_training_unless_said():
    for length in (Length(False, 10), Length(True, 10)):
        [got], report = schedulers(dict(policy='poly'), length)
        assert (got['by_epoch'], got['end']) == (length.by_epoch, 11)
        assert not report.notes


def test_equal_steps_of_one_size():
    [got], _ = schedulers(dict(policy='step', step=3), Length(True, 10))
    assert got == dict(type='StepLR', step_size=3, gamma=0.1, by_epoch=True)
    assert schedulers(None, Length(True, 10))[0] == []


@pytest.mark.parametrize(
    ('settings', 'expected'),
    [
        (dict(runner=dict(type='IterBasedRunner', max_iters=7)), Length(False, 7)),
        (dict(runner=dict(type='EpochBasedRunner', max_epochs=7)), Length(True, 7)),
        (dict(total_iters=9), Length(False, 9)),
        (dict(total_epochs=9), Length(True, 9)),
    ],
)
def test_length(settings, expected):
    assert migrate_length(Section(settings, place='', report=Report())) == expected


def test_no_length_is_refused_and_another_runner_named():
    with pytest.raises(ConfigError, match='how long to train'):
        migrate_length(Section(dict(), place='', report=Report()))
    report = Report()
    migrate_length(Section(dict(runner=dict(type='MyRunner', max_iters=1)), place='', report=report))
    assert report.notes[0].place == 'runner.type'
