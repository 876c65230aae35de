"""The picture of a confusion matrix: its words and shades, and that every number of classes can be drawn."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from mmseg_aux_hrnet.visualization.confusion_matrix import draw_confusion_matrix, short_count


@pytest.fixture
def figures(monkeypatch):
    """Every figure that is saved."""
    saved = []
    original = Figure.savefig
    monkeypatch.setattr(
        Figure, 'savefig', lambda self, *args, **kwargs: (saved.append(self), original(self, *args, **kwargs))[1]
    )
    return saved


def test_words_and_shades_of_two_classes(tmp_path, figures):
    draw_confusion_matrix(tmp_path / 'm.png', [[1_000_000, 250_000], [3, 9_999_997]], ('background', 'green $x_1$'))
    axes = figures[0].axes[0]
    assert [text.get_text() for text in axes.texts] == [
        '80.0 %\n1,000,000', '20.0 %\n250,000', '<0.1 %\n3', '100.0 %\n9,999,997',
    ]  # fmt: skip
    assert axes.images[0].get_array().tolist() == [[80.0, 20.0], pytest.approx([3e-5, 99.99997])]
    assert [label.get_text() for label in axes.get_yticklabels()] == ['background', 'green $x_1$']
    assert Image.open(tmp_path / 'm.png').format == 'PNG'


def test_a_class_without_reference_pixels_has_no_shares(tmp_path, figures):
    draw_confusion_matrix(tmp_path / 'm.png', [[0, 0], [1, 3]], ('a', 'b'))
    assert [text.get_text() for text in figures[0].axes[0].texts] == ['-\n0', '-\n0', '25.0 %\n1', '75.0 %\n3']


@pytest.mark.filterwarnings('error')
def test_letters_without_a_font_are_drawn_without_a_word(tmp_path):
    draw_confusion_matrix(tmp_path / 'm.png', [[1, 0], [1, 3]], ('\u80cc\u666f', '\U00012000'))
    assert (tmp_path / 'm.png').read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize(('classes', 'numbers'), [(1, 1), (6, 6), (19, 19), (30, 30), (31, 0)])
def test_any_number_of_classes(tmp_path, figures, classes, numbers):
    counts = np.diag(np.full(classes, 12_345)).tolist()
    draw_confusion_matrix(tmp_path / 'm.png', counts, [f'class_{index}' for index in range(classes)])
    words = [text.get_text() for text in figures[0].axes[0].texts if not text.get_text().endswith('%\n0')]
    assert words == ['100.0 %\n12,345' if classes <= 6 else '100.0\n12.3k'] * numbers
    assert max(Image.open(tmp_path / 'm.png').size) < 3000


@pytest.mark.parametrize(
    ('count', 'text'),
    [(0, '0'), (999, '999'), (1000, '1k'), (12_345, '12.3k'), (999_499, '999k'), (999_500, '1M'), (4_567_890, '4.57M'),
     (789 * 10**9, '789G'), (5 * 10**12, '5T'), (2 * 10**15, '2e+03T')],
)  # fmt: skip
def test_short_counts(count, text):
    assert short_count(count) == text
