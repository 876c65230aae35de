import pytest

from mmseg_aux_hrnet.exchange.migration.report import Report, Section
from mmseg_aux_hrnet.exchange.migration.training import Validation


def validation(**settings):
    report = Report()
    return Validation(Section(settings, place='evaluation', report=report)), report


@pytest.mark.parametrize(
    ('old', 'new', 'noted'),
    [
        ('mIoU', 'mIoU', False),
        ('mDice', 'mDice', False),
        ('IoU.green', 'IoU.green', False),
        ('Precision.green', 'Precision.green', False),
        ('aAcc', 'OA', True),
        ('auto', 'OA', True),
        ('mFscore', 'mDice', True),
        ('Acc.green', 'Recall.green', True),
        ('Dice.tree.crown', 'F1.tree.crown', True),
        ('Fscore.green', 'F1.green', True),
        ('mPrecision', 'mIoU', True),
        ('mine.green', 'mIoU', True),
        (None, None, False),
    ],
)
def test_the_figure_of_the_best_checkpoint(old, new, noted):
    got, report = validation(save_best=old)
    assert got.save_best == new
    assert [note.place for note in report.notes] == (['evaluation.save_best'] if noted else [])


def test_when_and_what():
    got, report = validation(interval=4000, start=8000, metric=['mIoU', 'mFscore'], by_epoch=False)
    assert (got.interval, got.begin) == (4000, 8000)
    assert not report.notes
    assert validation()[0].interval is None


def test_what_is_not_as_it_was_is_named():
    _, report = validation(metric=['cityscapes'], rule='less', pre_eval=True, odd=1)
    assert [note.place.removeprefix('evaluation.') for note in report.notes] == ['metric', 'rule', 'pre_eval', 'odd']
