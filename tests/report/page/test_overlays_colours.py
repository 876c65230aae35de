import pytest
from page_support import GREEN, report_of

from mmseg_aux_hrnet.report.page.gallery import gallery_note
from mmseg_aux_hrnet.report.page.overlays import class_colours


def test_given_colours_are_kept():
    assert class_colours({'classes': [{'color': [1, 2, 3]}, {'color': [0, 0, 0]}]}) == ((1, 2, 3), (0, 0, 0))


def test_missing_colours_differ():
    assert len(set(class_colours({'classes': [{'color': None}] * 40}))) == 40


@pytest.mark.parametrize('palette', [GREEN.palette, None])
def test_missing_colours_are_said(palette):
    report, tiles = report_of(1, classes=type(GREEN)(GREEN.names, palette, 1))
    assert ('arbitrary' in gallery_note(report, tiles)) == (palette is None)
