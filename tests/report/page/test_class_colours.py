from mmseg_aux_hrnet.report.page.choice import class_colours, colours_note


def test_given_colours_are_kept():
    metrics = {'classes': [{'color': [1, 2, 3]}, {'color': [4, 5, 6]}]}
    assert class_colours(metrics) == ((1, 2, 3), (4, 5, 6))
    assert colours_note(metrics) == ''


def test_missing_colours_differ_and_are_said():
    metrics = {'classes': [{'color': None}] * 40}
    assert len(set(class_colours(metrics))) == 40
    assert 'arbitrary' in colours_note(metrics)
