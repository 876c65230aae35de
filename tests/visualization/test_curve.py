import numpy as np
from PIL import Image

from mmseg_aux_hrnet.visualization.curve import Curve, draw_curves, running_mean


def test_running_mean_by_hand():
    assert running_mean(np.array([1.0, 3.0, 5.0, 7.0]), 2).tolist() == [1, 2, 4, 6]
    assert running_mean(np.array([2.0, 4.0]), 9).tolist() == [2, 3]


def test_draw_curves_writes_a_picture_and_nothing_else(tmp_path):
    figures = [Curve('IoU.green', [5, 10], [20.0, 40.0])]
    draw_curves(tmp_path / 'c.png', loss=Curve('loss', [1, 2], [1.0, 0.5]), figures=figures, title='t')
    draw_curves(tmp_path / 'empty.png', loss=Curve('loss', [], []), figures=[], title='t')
    assert sorted(p.name for p in tmp_path.iterdir()) == ['c.png', 'empty.png']
    with_data, without = (np.asarray(Image.open(tmp_path / name).convert('RGB')) for name in ('c.png', 'empty.png'))
    blue = (0, 0x72, 0xB2)
    assert (with_data == blue).all(-1).any()
    assert not (without == blue).all(-1).any()
