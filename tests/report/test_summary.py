"""The table of intervals and boundary figures."""

import io
import math

from rich.console import Console

from mmseg_aux_hrnet.report.summary import summary_table

OVERALL = {'oa': 90.0, 'miou': 80.0, 'macc': 85.0, 'mdice': 88.0, 'fwiou': 82.0, 'kappa': 0.7, 'mcc': math.nan}
KEYS = ('OA', 'mIoU', 'mAcc', 'mDice', 'FWIoU', 'kappa', 'MCC', 'IoU.[b]a', 'F1.[b]a', 'IoU.green', 'F1.green')


def metrics(tolerance=2.0):
    values = {key: [0.125, 0.625] for key in KEYS} | {'IoU.green': [math.nan, math.nan], 'MCC': [None, None]}
    rows = [
        {'name': '[b]a', 'iou': 70.0, 'f1': 82.35, 'boundary_f1': 60.0, 'boundary_iou': 50.0},
        {'name': 'green', 'iou': math.nan, 'f1': None, 'boundary_f1': math.nan, 'boundary_iou': None},
    ]
    return {
        'intervals': {'level': 95, 'values': values}, 'overall': OVERALL, 'classes': rows, 'images': [{}] * 1234,
        'class_of_interest': 'green', 'boundary': {'tolerance_pixels': tolerance},
    }  # fmt: skip


def lines(**kwargs):
    console = Console(file=io.StringIO(), width=80)
    console.print(summary_table(metrics(**kwargs)))
    return [' '.join(line.split()) for line in console.file.getvalue().splitlines() if line.strip()]


def test_rows():
    printed = lines()
    assert printed[1] == 'class IoU F1 F1 / IoU'
    assert printed[3] == '[b]a 70.00 (0.12 to 0.62) 82.35 (0.12 to 0.62) 60.00 / 50.00'
    assert printed[4] == 'green * - (- to -) - (0.12 to 0.62) - / -'


def test_rates_over_all_classes():
    printed = lines()
    assert printed[5] == 'OA 90.00 (0.12 to 0.62)'
    assert printed[10:12] == ['kappa 0.7000 (0.1250 to 0.6250)', 'MCC - (- to -)']
    assert printed[12] == '(from to): 95 % bootstrap interval over 1,234 images'
    assert printed[13] == 'boundary: of all contours, within 2 pixels'


def test_without_contours_no_tolerance_is_named():
    assert lines(tolerance=None)[-1].startswith('(from to)')
