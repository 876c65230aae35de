import numpy as np
import pytest

from mmseg_aux_hrnet.decision import Threshold, head_decision


@pytest.mark.parametrize(('name', 'index', 'foreground'), [('green', 1, 0.25), ('background', 0, 0.75)])
def test_a_threshold_names_the_class(name, index, foreground):
    decision = Threshold(name, 0.25).among(('background', 'green'))
    assert decision == Threshold(name, 0.25, index)
    assert decision.of_foreground == foreground


def test_a_head_wants_its_threshold_exceeded():
    value = np.float32(head_decision(0.3, 'green').value)
    assert value > np.float32(0.3)
    assert np.nextafter(value, np.float32(0)) == np.float32(0.3)


def test_a_threshold_whose_class_has_no_index_decides_nothing():
    stored = Threshold('green', 0.4)  # as checkpoints hold it
    for use in (lambda: stored.decide(np.float32([0.5])), lambda: stored.of_foreground, lambda: stored.place):
        with pytest.raises(ValueError, match="'green' without its index"):
            use()
