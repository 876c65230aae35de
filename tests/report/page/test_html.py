import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from page_support import CITY, GREEN, NO_LOG, report_of

from mmseg_aux_hrnet.report.page import TrainingLog, gallery, write_html
from mmseg_aux_hrnet.report.page.gallery import ROWS_BUDGET, TILES_BUDGET
from mmseg_aux_hrnet.visualization import Curve

HOSTILE = '</script><img src=x onerror=alert(1)>"\'&\u2028é{{7*7}}$x_1$'
VOID = {'meta', 'link', 'img', 'input', 'br'}


class Page(HTMLParser):
    """Reads a page: its tags with their attributes, its text, and whether every tag is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open, self.faults = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data):
        self.text.append(data)

    def values(self, name):
        return [attrs[name] for _, attrs in self.tags if attrs.get(name) is not None]


def page_of(tmp_path, metrics, tiles, log=NO_LOG):
    write_html(tmp_path / 'report.html', report=metrics, tiles=tiles, log=log)
    return (tmp_path / 'report.html').read_text(encoding='utf-8')


@pytest.mark.parametrize('classes', [GREEN, CITY])
@pytest.mark.parametrize('number', [1, 8])
def test_page_is_well_formed_and_loads_nothing(tmp_path, classes, number):
    page = Page(page_of(tmp_path, *report_of(number, classes=classes)))
    assert (page.open, page.faults) == ([], [])
    ids = page.values('id')
    assert len(ids) == len(set(ids))
    assert {tag for tag, _ in page.tags} & {'iframe', 'object', 'embed', 'base'} == set()
    sources = page.values('src')
    assert sources
    assert all(source.startswith('data:') for source in sources)
    links = [link for link in page.values('href') if not link.startswith('data:')]
    assert {link[1:] for link in links} <= set(ids)
    assert {link[0] for link in links} == {'#'}
    labels = page.values('aria-labelledby')
    assert labels
    assert set(labels) <= set(ids)


def test_policy_allows_the_one_script_only(tmp_path):
    text = page_of(tmp_path, *report_of(2))
    policy = next(v for v in Page(text).values('content') if 'default-src' in v)
    (script,) = re.findall(r'<script>(.*?)</script>', text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in policy


def test_hostile_names_stay_text(tmp_path):
    classes = type(GREEN)(('background', HOSTILE), GREEN.palette, 1)
    metrics, tiles = report_of(3, classes=classes, names=[f'{HOSTILE}{i}.png' for i in range(3)], sweep=True)
    metrics['run'].update(config=HOSTILE, checkpoint=HOSTILE, data_list=HOSTILE, command=[HOSTILE])
    metrics['rules'] = [HOSTILE] * len(metrics['rules'])
    text = page_of(tmp_path, metrics, tiles, TrainingLog(None, [], HOSTILE))
    page, plain = Page(text), Page(page_of(tmp_path, *report_of(3, sweep=True)))
    assert '<img src=x' not in text
    assert (page.open, page.faults) == ([], [])
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert HOSTILE in ''.join(page.text)


def test_sections_without_content_say_so(tmp_path):
    metrics, _ = report_of(2)
    text = page_of(tmp_path, metrics, {})
    assert 'No curves: no training log in work_dirs/gone.' in text
    assert 'No tiles were kept.' in text
    assert 'id="threshold"' not in text
    assert 'href="#threshold"' not in text


def test_training_curves_are_a_picture(tmp_path):
    log = TrainingLog(Curve('loss', [1, 2], [2.0, 1.0]), [Curve('mIoU', [2], [50.0])], 'Training log of work')
    with_curves, without = (Page(page_of(tmp_path, *report_of(2, sweep=True), each)) for each in (log, NO_LOG))
    pictures = [sum(source.startswith('data:image/svg') for source in p.values('src')) for p in (with_curves, without)]
    assert pictures == [4, 3]


def test_pictures_of_charts_have_the_same_bytes_again(tmp_path):
    metrics, tiles = report_of(2, sweep=True)
    assert page_of(tmp_path, metrics, tiles) == page_of(tmp_path, metrics, tiles)


def test_noisy_tiles_stay_within_the_budget_of_all(tmp_path, monkeypatch):
    assert TILES_BUDGET + ROWS_BUDGET < 15_000_000 - 500_000  # script, style, tables and charts
    monkeypatch.setattr(gallery, 'TILES_BUDGET', TILES_BUDGET // 20)
    metrics, tiles = report_of(10, size=(256, 256))
    whole, none = (len(page_of(tmp_path, metrics, part).encode()) for part in (tiles, {}))
    assert TILES_BUDGET / 40 < whole - none < TILES_BUDGET / 20 + 10 * 3_000  # of markup for every tile


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    before = page_of(tmp_path, *report_of(2))
    monkeypatch.setattr('os.replace', lambda *_: (_ for _ in ()).throw(OSError(28, 'No space left on device')))
    with pytest.raises(OSError, match='No space left'):
        page_of(tmp_path, *report_of(3))
    assert (tmp_path / 'report.html').read_text(encoding='utf-8') == before
    assert [path.name for path in tmp_path.iterdir()] == ['report.html']
