import numpy as np
import pytest

from mmseg_aux_hrnet.decision import Decision, Threshold, decision_by, decision_of_head


@pytest.mark.parametrize(('name', 'index', 'foreground'), [('green', 1, 0.25), ('background', 0, 0.75)])
def test_a_threshold_names_the_class(name, index, foreground):
    decision = decision_by(Threshold(name, 0.25), ('background', 'green'))
    assert decision == Decision(class_index=index, value=0.25)
    assert decision.of_foreground == foreground


def test_a_head_wants_its_threshold_exceeded():
    value = np.float32(decision_of_head(0.3).value)
    assert value > np.float32(0.3)
    assert np.nextafter(value, np.float32(0)) == np.float32(0.3)
