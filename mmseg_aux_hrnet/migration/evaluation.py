"""Validation: when, by what, and which figure keeps the best checkpoint."""

from typing import Any

from mmseg_aux_hrnet.migration.report import Report, Section

# 0.x's name of a figure -> that of ConfusionMetric, whose keys are the same but for these
OVERALL = {'auto': 'OA', 'aAcc': 'OA', 'mIoU': 'mIoU', 'mAcc': 'mAcc', 'mRecall': 'mAcc', 'mDice': 'mDice'}
OVERALL |= {'mFscore': 'mDice'}  # with beta 1 the same
OF_CLASS = {'IoU': 'IoU', 'Acc': 'Recall', 'Recall': 'Recall', 'Precision': 'Precision', 'Dice': 'F1', 'Fscore': 'F1'}
METRICS = ('mIoU', 'mDice', 'mFscore')


class Validation:
    """What ``evaluation`` of 0.x has become.

    Args:
        settings: ``evaluation`` of 0.x.
        report: gets the notes.

    Attributes:
        interval: iterations or epochs between two validations; None where the config does not say.
        begin: the first one; None for the interval.
        save_best: figure of ``ConfusionMetric`` that keeps the best checkpoint; None for none.
    """

    def __init__(self, settings: dict[str, Any], *, report: Report) -> None:
        section = Section(settings, place='evaluation', report=report)
        self.interval = section.take('interval')
        self.begin = section.take('start')
        self.save_best = _figure(section.take('save_best'), report=report)
        metrics = section.take('metric', 'mIoU')
        for name in [metrics] if isinstance(metrics, str) else metrics:
            if name not in METRICS:
                report.dropped('evaluation.metric', f'{name!r}: ConfusionMetric gives {", ".join(METRICS)} and more')
        if section.take('rule', 'greater') != 'greater':
            report.chose('evaluation.rule', "'greater': figures of ConfusionMetric are better when they are greater")
        section.take('by_epoch')  # 0.x's tool set it by the runner
        why = 'ConfusionMetric counts while predicting and gathers from all processes by itself'
        section.drop('pre_eval', 'efficient_test', 'gpu_collect', 'broadcast_bn_buffer', why=why)
        section.close()


def _figure(name: Any, *, report: Report) -> str | None:
    """Return the key of ``ConfusionMetric`` for a figure of 0.x."""
    if name is None:
        return None
    figure, _, of_class = str(name).partition('.')
    new = f'{OF_CLASS[figure]}.{of_class}' if of_class and figure in OF_CLASS else OVERALL.get(str(name))
    if new is None:
        report.chose('evaluation.save_best', f"'mIoU': ConfusionMetric gives no {name!r}")
        return 'mIoU'
    if new != name:
        report.chose('evaluation.save_best', f'{new!r}, the name that ConfusionMetric has for {name!r}')
    return new
