import math

import pytest
import torch
from mmseg.registry import PARAM_SCHEDULERS

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.report import Report, Section
from mmseg_aux_hrnet.exchange.migration.schedule import Length, migrate_length, migrate_schedule

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


def old_rate(config, step, total, epoch=1):
    """Return the learning rate of an iteration by the formulas of mmcv 1.x; the epochs are of ``epoch`` iterations."""
    low = config.get('min_lr') or BASE * config.get('min_lr_ratio', 0)
    steps = config.get('step')
    done = step // epoch if config.get('by_epoch', True) else step
    whole = total // epoch if config.get('by_epoch', True) else total
    rate = {
        'fixed': lambda: BASE,
        'poly': lambda: (BASE - low) * (1 - done / whole) ** config.get('power', 1.0) + low,
        'CosineAnnealing': lambda: low + (BASE - low) * (1 + math.cos(math.pi * done / whole)) / 2,
        'step': lambda: max(
            BASE * config['gamma'] ** (done // steps if isinstance(steps, int) else sum(done >= s for s in steps)), low
        ),
        'exp': lambda: BASE * config['gamma'] ** done,
    }[config['policy']]()
    warm = config.get('warmup_iters', 0) * (epoch if config.get('warmup_by_epoch') else 1)
    if step >= warm:
        return rate
    ratio = config['warmup_ratio']
    factors = {'constant': ratio, 'linear': 1 - (1 - step / warm) * (1 - ratio), 'exp': ratio ** (1 - step / warm)}
    return rate * factors[config['warmup']]


def deviation(config, length, epoch=1):
    steps = length.number * epoch
    rates, report = curve(config, length, steps, epoch=epoch)
    assert not report.notes
    wanted = [old_rate(config, step, steps, epoch) for step in range(steps)]
    return max(abs(got - want) / want for got, want in zip(rates, wanted, strict=True))


EVERY = [
    POLY,
    dict(POLY, min_lr=0.0, **WARM),
    dict(POLY, **WARM),
    dict(POLY, **{**WARM, 'warmup': 'constant', 'warmup_ratio': 0.1}),
    dict(POLY, **{**WARM, 'warmup': 'exp'}),
    COSINE,
    dict(COSINE, **WARM),
    dict(policy='CosineAnnealing', min_lr_ratio=0.05, by_epoch=False, **WARM),
    STEP,
    dict(STEP, step=300),
    dict(STEP, min_lr=2e-3),
    dict(STEP, step=300, min_lr=1e-4, **WARM),
    dict(STEP, **{**WARM, 'warmup': 'constant'}),
    dict(policy='exp', gamma=0.999, by_epoch=False),
    dict(policy='exp', gamma=0.999, by_epoch=False, **WARM),
    dict(policy='fixed', by_epoch=False, **WARM),
]


@pytest.mark.parametrize('config', EVERY, ids=str)
@pytest.mark.parametrize('steps', [2000, 2001])
def test_learning_rates_are_those_of_0x(config, steps):
    assert deviation(config, Length(False, steps)) < 1e-9


@pytest.mark.parametrize('config', EVERY, ids=str)
@pytest.mark.parametrize('by_epoch', [False, True])
@pytest.mark.parametrize('warmup_by_epoch', [False, True])
def test_learning_rates_of_a_training_of_epochs_are_those_of_0x(config, by_epoch, warmup_by_epoch):
    epochs = dict(warmup_iters=3, warmup_by_epoch=True) if warmup_by_epoch and 'warmup' in config else {}
    step = dict(step=[4, 9] if isinstance(config['step'], list) else 3) if by_epoch and 'step' in config else {}
    assert deviation({**config, **step, **epochs, 'by_epoch': by_epoch}, Length(True, 12), epoch=50) < 1e-9


@pytest.mark.slow  # 80,000 steps
@pytest.mark.parametrize('warm', [{}, dict(WARM, warmup_iters=1500, warmup_ratio=1e-6)])
def test_learning_rates_of_the_whole_training_with_a_floor(warm):
    assert deviation(dict(POLY, **warm), Length(False, 80_000)) < 1e-9


def test_groups_with_a_rate_of_their_own_have_the_same_floor():
    [settings], _ = schedulers(dict(POLY, **{**WARM, 'warmup_iters': 5}), Length(False, 10))
    groups = [dict(params=[torch.nn.Parameter(torch.zeros(1))], lr=rate) for rate in (0.1, 0.01)]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    scheduler = PARAM_SCHEDULERS.build(dict(settings), default_args=dict(optimizer=optimizer))
    for _ in range(10):
        optimizer.step()
        scheduler.step()
    assert [group['lr'] for group in optimizer.param_groups] == [1e-4, 1e-4]


def test_decay_by_epoch():
    rates, _ = curve(dict(policy='step', step=[2, 3], gamma=0.1), Length(True, 4), 20, epoch=5)
    assert rates == pytest.approx([BASE] * 10 + [BASE / 10] * 5 + [BASE / 100] * 5)
    rates, _ = curve(dict(policy='poly', power=1.0), Length(True, 4), 20, epoch=5)
    assert rates[::5] == pytest.approx([BASE, BASE * 0.75, BASE / 2, BASE / 4])


@pytest.mark.parametrize(
    ('config', 'place', 'count'),
    [
        (dict(policy='cyclic', by_epoch=False, target_ratio=(1, 2)), 'lr_config', 0),
        (dict(policy='step', step=3, by_epoch=True), 'lr_config', 0),
        (dict(policy='fixed', warmup='linear', warmup_iters=1, warmup_by_epoch=True), 'lr_config.warmup_by_epoch', 0),
        (dict(POLY, odd=1), 'lr_config.odd', 1),
    ],
)
def test_what_is_not_as_it_was_is_named(config, place, count):
    got, report = schedulers(config, Length(False, 10))
    assert len(got) == count
    assert [note.place for note in report.notes] == [place]


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(policy='step'), "policy 'step' has no step"),
        (dict(policy='exp'), "policy 'exp' has no gamma"),
        (dict(policy='fixed', warmup='cosine', warmup_iters=5), 'mmcv 1 has linear, constant, exp'),
    ],
)
def test_what_mmcv_1_refuses_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        schedulers(config, Length(False, 10))


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
