"""The figures that ``--eval`` repeats below the table."""

from collections.abc import Mapping, Sequence

from mmseg_aux_hrnet.errors import ConfigError

# name on the command line -> key of ConfusionMetric; with beta = 1 the mean F-score is the mean Dice coefficient
HEADLINES = {'mIoU': 'mIoU', 'mDice': 'mDice', 'mFscore': 'mDice', 'mAcc': 'mAcc', 'OA': 'OA', 'kappa': 'kappa'}


def check_headlines(names: Sequence[str]) -> None:
    """Raise unless every name is known.

    Raises:
        ConfigError: names the first unknown one and those allowed.
    """
    for name in names:
        if name not in HEADLINES:
            raise ConfigError(f'--eval {name} is unknown: use {", ".join(HEADLINES)}')


def headline(figures: Mapping[str, float], names: Sequence[str]) -> str:
    """Return the named figures on one line, percent except kappa.

    Raises:
        ConfigError: the config's own metric does not give one of them.
    """
    for name in names:
        if HEADLINES[name] not in figures:
            raise ConfigError(f'--eval {name}: the metric of this config only gives {", ".join(figures)}')
    return '  '.join(f'{name} {figures[HEADLINES[name]]:.4f}' for name in names)
