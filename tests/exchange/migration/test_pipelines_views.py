import pytest

from mmseg_aux_hrnet.exchange.migration.pipelines import AUG_TEST_RATIOS, migrate_views
from mmseg_aux_hrnet.exchange.migration.report import Report, Section

RESIZE = dict(type='Resize', keep_ratio=True)


def views(resize=RESIZE, **settings):
    """Return the base, the resizes and the flips, and the notes."""
    report = Report()
    section = Section({'type': 'MultiScaleFlipAug', **settings}, place='p', report=report)
    return *migrate_views(section, resize), report.notes


def sizes(steps):
    return [step.get('scale', step.get('scale_factor')) for step in steps]


def test_one_view_leaves_averaging_to_the_ratios_of_the_old_tool():
    base, resizes, flips, notes = views(img_scale=(100, 200), flip=False)
    assert sizes(base) == [(100, 200)]
    assert sizes(resizes) == [(int(100 * ratio), int(200 * ratio)) for ratio in AUG_TEST_RATIOS]
    assert [flip['prob'] for flip in flips] == [0.0, 1.0]
    assert not notes


def test_ratios_and_flips_of_the_config_are_kept():
    settings = dict(img_scale=(100, 200), img_ratios=[0.5, 1.25], flip=True, flip_direction=['vertical'])
    base, resizes, flips, notes = views(**settings)
    assert sizes(base) == [(100, 200)]
    assert sizes(resizes) == [(50, 100), (125, 250)]
    assert [flip.get('direction') for flip in flips] == [None, 'vertical']
    assert notes[0].kind == 'chosen'


@pytest.mark.parametrize(('ratios', 'first'), [([0.5, 1.0], [0.5]), (0.75, [0.75])])
def test_factors_of_the_images_own_size(ratios, first):
    base, resizes, _, _ = views(img_ratios=ratios, flip=False)
    assert sizes(base) == first
    assert sizes(resizes) == (ratios if isinstance(ratios, list) else [ratios])


def test_several_sizes_without_flips_average_over_sizes_only():
    base, resizes, flips, _ = views(img_scale=[(10, 20), (30, 40)])
    assert sizes(base) == [(10, 20)]
    assert sizes(resizes) == [(10, 20), (30, 40)]
    assert [flip['prob'] for flip in flips] == [0.0]


def test_without_a_resize_nothing_is_resized():
    base, resizes, flips, _ = views(resize=None, img_scale=(10, 20), flip=True)
    assert (base, resizes, len(flips)) == ([], [], 2)
    base, _, _, _ = views(resize=dict(keep_ratio=False), img_scale=(1, 2))
    assert base[0]['keep_ratio'] is False
