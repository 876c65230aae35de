import warnings
import xml.etree.ElementTree as ET

import pytest
from page_support import GREEN, report_of

from mmseg_aux_hrnet.report.page import TrainingLog, charts
from mmseg_aux_hrnet.visualization import Curve

SVG = '{http://www.w3.org/2000/svg}'


def words_of(svg):
    """Return the texts of a picture, which is well-formed XML."""
    return {''.join(element.itertext()).strip() for element in ET.fromstring(svg).iter(f'{SVG}text')}


@pytest.mark.parametrize('name', ['green', '绿地', 'a<b&"c"', r'$\frac', '$x_1$'])
def test_names_of_classes_are_drawn_as_they_are(name):
    metrics, _ = report_of(2, classes=type(GREEN)(('background', name), GREEN.palette, 1), sweep=True)
    log = TrainingLog(Curve('loss', [1, 2], [2.0, 1.0]), [Curve(f'IoU.{name}', [2], [50.0])], '')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert f'IoU.{name}' in words_of(charts.training_chart(log))
        pictures = [words_of(svg) for svg in charts.sweep_charts(metrics['threshold_sweep'])]
    assert f'probability of {name}' in pictures[2]


def test_a_log_may_have_only_one_kind_of_curve():
    loss, figure = Curve('loss', [1, 2], [2.0, 1.0]), Curve('mIoU', [2], [50.0])
    assert 'training loss, running mean' in words_of(charts.training_chart(TrainingLog(loss, [], '')))
    assert 'mIoU' in words_of(charts.training_chart(TrainingLog(None, [figure], '')))


def test_undefined_figures_leave_gaps():
    sweep = report_of(2, sweep=True)[0]['threshold_sweep']
    empty = [None] * len(sweep['thresholds'])
    curves = dict.fromkeys(('precision', 'recall', 'iou', 'f1', 'kappa'), empty)
    best = dict.fromkeys(('iou', 'f1', 'kappa'))
    bins = [{**part, 'pixels': 0, 'observed': None, 'confidence': None} for part in sweep['reliability']]
    hollow = {**sweep, **curves, 'best': best, 'reliability': bins, 'ece': None, 'average_precision': None}
    assert [bool(words_of(svg)) for svg in charts.sweep_charts(hollow)] == [True] * 3
