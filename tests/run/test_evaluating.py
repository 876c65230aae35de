"""tools/evaluate.py, run as a user runs it, in this process."""

import json

import numpy as np
import pytest
from PIL import Image
from raster_support import METRE, write_raster
from tests_support import GREEN_PALETTE, write_green_root
from tool_support import CONFIG, run_here

from mmseg_aux_hrnet.files.label_png import write_label_png
from mmseg_aux_hrnet.run import EvaluateOptions, evaluating
from mmseg_aux_hrnet.run import evaluate as run_evaluate

TWO = ('--classes', 'background,green')


def evaluate(*args):
    """Run the tool and return its exit code."""
    return run_here('evaluate', *args)


@pytest.fixture
def folders(tmp_path):
    """Predictions, which miss a column of the green, and the labels of two tiles."""
    write_green_root(tmp_path / 'data')
    labels = tmp_path / 'data' / 'labeldata' / 'test'
    for path in sorted(labels.iterdir()):
        label = np.array(Image.open(path))
        label[:, 0] = 0
        (tmp_path / 'maps').mkdir(exist_ok=True)
        write_label_png(tmp_path / 'maps' / path.name, label, GREEN_PALETTE)
    return tmp_path / 'maps', labels


def reported(tmp_path, *args):
    assert evaluate(*args, '--report', tmp_path / 'report') == 0
    return json.loads((tmp_path / 'report' / 'metrics.json').read_text(encoding='utf-8'))


def test_figures_and_report(folders, tmp_path, capsys):
    metrics = reported(tmp_path, *folders, '--config', CONFIG, '--tolerance', '1m', '--gsd', '0.5')
    green = metrics['classes'][1]
    # 32 of the 64 rows are green from the left, and their first column is missed, in both tiles.
    assert (green['support'] - green['predicted'], green['precision']) == (64, 100.0)
    assert green['iou'] == green['recall'] == pytest.approx(100 * (1 - 64 / green['support']))
    assert (green['name'], green['color'], metrics['class_of_interest']) == ('green', [128, 0, 0], 'green')
    assert metrics['boundary'] == {'tolerance_pixels': 2.0, 'tolerance_metres': 1.0, 'gsd': 0.5}
    assert [image['name'] for image in metrics['images']] == ['test_0', 'test_1']
    assert metrics['run']['checkpoint_sha256'] is None
    assert len(metrics['run']['config_sha256']) == 64
    printed = capsys.readouterr().out
    assert printed.strip().splitlines()[-1] == f'2 images compared  report: {tmp_path / "report"}'
    assert 'green *' in printed
    assert '(from to): 95 % bootstrap interval over 2 images' in printed


def test_page_of_the_report_shows_the_maps(folders, tmp_path):
    metrics = reported(tmp_path, *folders, *TWO)
    page = (tmp_path / 'report' / 'report.html').read_text(encoding='utf-8')
    assert page.count('<article') == len(metrics['images']) == 2
    assert page.count('src="data:image/png') == 2 * 3  # errors, label, prediction
    assert 'The image of 2 is not known' in page
    assert 'No curves: written predictions have no training log.' in page


def test_classes_of_the_command_line_give_the_same_figures(folders, tmp_path):
    by_name = reported(tmp_path, *folders, *TWO)
    by_config = reported(tmp_path, *folders, '--config', CONFIG, '--overwrite')
    assert by_name['confusion_matrix'] == by_config['confusion_matrix']
    assert by_name['intervals'] == by_config['intervals']
    assert [row['color'] for row in by_name['classes']] == [None, None]


def test_colours_and_class_of_interest_of_the_command_line(folders, tmp_path):
    colours = ('--palette', '#000000,800000', '--label-format', 'palette', '--prediction-format', 'palette')
    metrics = reported(tmp_path, *folders, *TWO, *colours, '--class-of-interest', 'background')
    assert [row['color'] for row in metrics['classes']] == [[0, 0, 0], [128, 0, 0]]
    assert metrics['class_of_interest'] == 'background'


def test_without_report_nothing_is_written(folders, tmp_path, capsys):
    before = sorted(tmp_path.rglob('*'))
    assert evaluate(*folders, *TWO) == 0
    assert sorted(tmp_path.rglob('*')) == before
    assert capsys.readouterr().out.strip().splitlines()[-1] == '2 images compared'


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        ((), 'give either --config CONFIG or --classes'),
        ((*TWO, '--config', CONFIG), 'give either --config CONFIG or --classes'),
        (('--config', CONFIG, '--palette', '000000,800000'), '--palette goes with --classes'),
        ((*TWO, '--palette', '000000'), 'palette of 1 colour for 2 classes'),
        ((*TWO, '--palette', 'red,green'), '--palette red,green: give one colour per class'),
        ((*TWO, '--palette', '00,80'), 'palette of 2 colours for 2 classes'),
        ((*TWO, '--label-format', 'colour'), "files of the form 'colour' need the colours"),
        ((*TWO, '--class-of-interest', 'gren'), "'gren' is not a class"),
        ((*TWO, '--ignore-index', '1'), 'ignored index must lie above'),
        ((*TWO, '--tolerance', '0'), '--tolerance 0 is 0 pixels'),
        (('--classes', 'a,a'), 'must name each class once'),
        (('--classes', 'a'), 'value 1 at (row, column)'),
        (('--config', 'nowhere.py'), 'config nowhere.py is not a file'),
    ],
)
def test_refusals(folders, capsys, args, message):
    assert evaluate(*folders, *args) == 2
    printed = capsys.readouterr()
    (line,) = printed.err.strip().splitlines()
    assert line.startswith('error: ')
    assert message in line
    assert printed.out == ''


def test_all_pixels_ignored(folders, tmp_path, capsys):
    for path in folders[1].iterdir():
        write_label_png(path, np.full((64, 96), 255, np.uint8), GREEN_PALETTE)
    assert evaluate(*folders, *TWO, '--report', tmp_path / 'report') == 2
    assert 'hold only 255, which is ignored, so no pixel would count' in capsys.readouterr().err
    assert not (tmp_path / 'report').exists()


def test_a_report_that_exists_is_refused_before_the_work(folders, tmp_path, capsys):
    (tmp_path / 'report').mkdir()
    (tmp_path / 'report' / 'mine.txt').touch()
    assert evaluate('nowhere', folders[1], *TWO, '--report', tmp_path / 'report') == 2
    assert 'report exists and is not empty' in capsys.readouterr().err


def test_maps_of_rasters_are_compared_without_their_holes(tmp_path, capsys):
    label = np.zeros((20, 30), np.uint8)
    label[:, 15:] = 1
    predicted = label.copy()
    predicted[:, 12:15] = 1
    predicted[:5] = 255
    for folder in ('maps', 'labels', 'moved'):
        (tmp_path / folder).mkdir()
    write_raster(tmp_path / 'maps' / 'a_classes.tif', predicted, nodata=255)
    (tmp_path / 'maps' / 'a_prob.tif').write_bytes(b'beside it')
    write_raster(tmp_path / 'labels' / 'a.tif', label)
    metrics = reported(tmp_path, tmp_path / 'maps', tmp_path / 'labels', *TWO)
    assert [row['support'] for row in metrics['classes']] == [15 * 15, 15 * 15]
    assert metrics['classes'][1]['precision'] == pytest.approx(100 * 15 / 18)
    assert '150 pixels of the maps hold no data: they are not compared' in ' '.join(capsys.readouterr().err.split())
    write_raster(tmp_path / 'moved' / 'a.tif', label, transform=METRE @ METRE.translation(1, 0))
    assert evaluate(tmp_path / 'maps', tmp_path / 'moved', *TWO) == 2
    assert 'lies at another place than' in capsys.readouterr().err


def test_all_pairs_that_lie_apart_are_named_in_one_line(tmp_path, capsys):
    for folder in ('maps', 'labels'):
        (tmp_path / folder).mkdir()
    for number, name in enumerate('abcdefgh'):
        label = np.eye(20, dtype=np.uint8)
        write_raster(tmp_path / 'maps' / f'{name}.tif', label, nodata=255)
        moved = METRE @ METRE.translation(0 if name == 'b' else 1 + number, 0)
        write_raster(tmp_path / 'labels' / f'{name}.tif', label, transform=moved)
    assert evaluate(tmp_path / 'maps', tmp_path / 'labels', *TWO) == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith('error: ')]
    assert 'a.tif lies at another place than' in line
    names = [str(tmp_path / 'labels' / f'{name}.tif') for name in 'cde']
    assert line.endswith(f'; 6 other pairs also: {", ".join(names)} and 3 more')
    for name in 'cdefgh':
        (tmp_path / 'maps' / f'{name}.tif').unlink()
        (tmp_path / 'labels' / f'{name}.tif').unlink()
    assert evaluate(tmp_path / 'maps', tmp_path / 'labels', *TWO) == 2
    assert 'also' not in capsys.readouterr().err


def test_a_reference_that_is_stored_south_up_is_turned(tmp_path):
    label = np.triu(np.ones((20, 20), np.uint8))
    for folder in ('maps', 'labels'):
        (tmp_path / folder).mkdir()
    write_raster(tmp_path / 'maps' / 'a.tif', label, nodata=255)
    south_up = METRE @ METRE.translation(0, 20) @ METRE.scale(1, -1)
    write_raster(tmp_path / 'labels' / 'a.tif', label[::-1], transform=south_up)
    metrics = reported(tmp_path, tmp_path / 'maps', tmp_path / 'labels', *TWO)
    assert [row['precision'] for row in metrics['classes']] == [100, 100]


def test_the_report_is_written_before_the_figures_are_shown(folders, tmp_path):
    shown = []
    options = EvaluateOptions(classes=['background', 'green'], report=tmp_path / 'report')
    run_evaluate(*folders, options, on_table=lambda _: shown.append((tmp_path / 'report' / 'metrics.json').exists()))
    assert shown == [True, True]


def test_figures_are_shown_where_the_report_cannot_be_written(folders, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(evaluating, 'write_report', lambda *args, **kwargs: [][0])
    with pytest.raises(IndexError):
        options = EvaluateOptions(classes=['background', 'green'], report=tmp_path / 'report')
        run_evaluate(*folders, options, on_table=shown.append)
    assert len(shown) == 2
