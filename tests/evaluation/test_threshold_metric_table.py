import numpy as np

from mmseg_aux_hrnet.evaluation.threshold_metric import ADVICE, render_sweep
from mmseg_aux_hrnet.evaluation.thresholds import threshold_counts, threshold_sweep


def rendered(probability, label, name='green'):
    counts = threshold_counts(np.float32([probability]), np.uint8([label]), class_index=1)
    return render_sweep(threshold_sweep(counts, class_name=name)).splitlines()


def test_rows_by_hand():
    lines = rendered([0.1, 0.3, 0.3, 0.3, 0.6, 0.8], [0, 1, 1, 1, 0, 1])
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in lines if line.startswith('|')]
    assert rows[0] == ['green', 'threshold', 'Precision', 'Recall', 'IoU', 'F1', 'kappa']
    assert rows[2] == ['one half', '0.500', '50.00', '25.00', '20.00', '33.33', '-0.2000']
    # at 0.3 four of five are right, and all of the four of the class are found
    assert rows[3] == ['best IoU, F1, kappa', '0.300', '80.00', '100.00', '80.00', '88.89', '0.5714']
    assert lines[-1] == ADVICE


def test_columns_line_up_with_a_long_name():
    table = [line for line in rendered([0.2, 0.7], [0, 1], name='building footprint') if line.startswith('|')]
    assert len({len(line) for line in table}) == 1
    assert all(line.isascii() for line in table)


def test_without_any_pixel_only_one_half_is_shown():
    lines = rendered([0.2], [255])
    assert sum(line.startswith('|') for line in lines) == 3
    assert 'average precision -   expected calibration error -' in lines
