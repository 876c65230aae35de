"""The two commands from maps to areas, as an analyst runs them."""

import csv
import json

import numpy as np
import pytest
from tool_support import run_here

from mmseg_aux_hrnet.files.label_png import write_label_png


@pytest.fixture
def maps(tmp_path):
    """A true map of 30 % green, and a prediction that misses a tenth of it."""
    truth = np.zeros((40, 50), np.uint8)
    truth[:12] = 1
    predicted = truth.copy()
    predicted[:12, :5] = 0
    (tmp_path / 'maps').mkdir()
    write_label_png(tmp_path / 'maps' / 'city.png', predicted, [[0, 0, 0], [128, 0, 0]])
    return tmp_path, truth


def fill_in(sample, truth):
    with sample.open(encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row['reference'] = ('background', 'green')[truth[int(row['row']), int(row['column'])]]
    with sample.open('w', encoding='utf-8', newline='') as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_from_maps_to_areas(maps, capsys):
    """With every pixel in the sample the estimate is the truth: 600 of 2000 pixels, 540 of them mapped."""
    folder, truth = maps
    sample, out = folder / 'sample.csv', folder / 'areas.json'
    options = ('--classes', 'background,green')
    assert run_here('draw_sample', folder / 'maps', *options, '--points', 2000, '--out', sample) == 0
    assert '1460 background, 540 green' in capsys.readouterr().out
    fill_in(sample, truth)
    assert run_here('estimate_area', sample, folder / 'maps', *options, '--gsd', 10, '--json', out) == 0
    green = json.loads(out.read_text(encoding='utf-8'))['classes'][1]
    assert (green['name'], green['mapped'], green['area']['value']) == ('green', 5.4, pytest.approx(6.0))
    assert green['users_accuracy']['value'] == 100
    assert green['producers_accuracy']['value'] == pytest.approx(90)
    printed = capsys.readouterr().out
    assert '1,460' not in printed and '14.6' in printed  # hectares
    assert 'overall accuracy 97.0 ± 0.7' in printed


def test_estimate_of_a_part_holds_the_truth(maps, capsys):
    folder, truth = maps
    sample, out = folder / 'sample.csv', folder / 'areas.json'
    options = ('--classes', 'background,green')
    assert run_here('draw_sample', folder / 'maps', *options, '--points', 400, '--out', sample) == 0
    fill_in(sample, truth)
    assert run_here('estimate_area', sample, folder / 'maps', *options, '--json', out) == 0
    low, high = json.loads(out.read_text(encoding='utf-8'))['classes'][1]['area']['interval']
    assert 540 < low < 600 < high < 660


@pytest.mark.parametrize('tool', ['draw_sample', 'estimate_area'])
def test_files_that_exist_are_kept(maps, capsys, tool):
    folder, _ = maps
    kept = folder / 'kept.csv'
    kept.write_text('interpreted', encoding='utf-8')
    argv = {
        'draw_sample': (folder / 'maps', '--classes', 'background,green', '--out', kept),
        'estimate_area': (kept, kept, '--json', kept),
    }[tool]
    assert run_here(tool, *argv) == 2
    assert capsys.readouterr().err.startswith(f'error: {kept} exists')
    assert kept.read_text(encoding='utf-8') == 'interpreted'


def test_errors_are_one_line(maps, capsys):
    folder, _ = maps
    assert run_here('estimate_area', folder / 'gone.csv', folder / 'maps', '--classes', 'background,green') == 2
    printed = capsys.readouterr()
    assert printed.err.count('\n') == 1
    assert not printed.out
