import pytest
from page_support import CITY, GREEN, report_of

from mmseg_aux_hrnet.report.page import tables
from mmseg_aux_hrnet.report.page.tables import UNDEFINED


@pytest.fixture(scope='module')
def metrics():
    return report_of(5)[0]


def test_summary_begins_with_the_class_of_interest(metrics):
    cards = tables.cards(metrics)
    names = ['IoU of green', 'F1 of green', 'Precision of green', 'Recall of green', 'mIoU', 'OA', 'kappa', 'MCC']
    assert [card['name'] for card in cards] == names
    green, (low, high) = metrics['classes'][1], metrics['intervals']['values']['IoU.green']
    assert (cards[0]['value'], cards[0]['unit']) == (f'{green["iou"]:.2f}', '%')
    assert cards[0]['interval'] == f'95 % interval {low:.2f} to {high:.2f}'
    assert cards[0]['track'] == {'low': round(low, 2), 'width': round(high - low, 2)}
    assert (cards[6]['value'], cards[6]['unit']) == (f'{metrics["overall"]["kappa"]:.4f}', '')


def test_summary_without_a_class_of_interest_is_about_all():
    names = [card['name'] for card in tables.cards(report_of(3, classes=CITY)[0])]
    assert names == ['mIoU', 'OA', 'kappa', 'MCC']


def test_undefined_figures_are_dashes_without_interval(metrics):
    overall = {**metrics['overall'], 'kappa': None}
    values = {**metrics['intervals']['values'], 'kappa': [None, None]}
    changed = {**metrics, 'overall': overall, 'intervals': {**metrics['intervals'], 'values': values}}
    card = tables.cards(changed)[6]
    assert (card['value'], card['interval'], card['track']) == (UNDEFINED, 'no interval', None)
    row = next(row for row in tables.overall_rows(changed) if row['name'] == 'kappa')
    assert (row['value'], row['interval']) == (UNDEFINED, '')


def test_negative_agreement_has_an_empty_track(metrics):
    values = {**metrics['intervals']['values'], 'kappa': [-0.5, 0.25]}
    changed = {**metrics, 'intervals': {**metrics['intervals'], 'values': values}}
    assert tables.cards(changed)[6]['track'] == {'low': 0, 'width': 25.0}


def test_class_rows(metrics):
    row, green = tables.class_rows(metrics)[1], metrics['classes'][1]
    assert (row['name'], row['colour'], row['of_interest']) == ('green', 'rgb(128,0,0)', True)
    assert [value for value, _ in row['rates']] == [f'{green[key]:.2f}' for key in ('iou', 'f1', 'precision', 'recall')]
    assert row['pixels'] == [f'{green["support"]:,}', f'{green["predicted"]:,}']


def test_overall_rows_hold_every_overall_figure(metrics):
    assert {metric.key for metric in tables.OVERALL} == set(metrics['overall']) - {'pixels'}
    assert {row['name'] for row in tables.overall_rows(metrics)} <= set(metrics['intervals']['values'])


def test_matrix_shares_are_of_the_row(metrics):
    changed = {**metrics, 'confusion_matrix': [[3000, 1000], [0, 0]]}
    first, second = tables.matrix_rows(changed)
    assert [cell['count'] for cell in first['cells']] == ['3,000', '1,000']
    assert [cell['share'] for cell in first['cells']] == ['75.00', '25.00']
    assert [(cell['shade'], cell['kind']) for cell in first['cells']] == [(75, 'strong'), (25, '')]
    assert [(cell['count'], cell['share'], cell['kind']) for cell in second['cells']] == [('0', '', 'none')] * 2


@pytest.mark.parametrize(
    ('boundary', 'note'),
    [
        ({'tolerance_pixels': 2.0, 'tolerance_metres': None, 'gsd': None}, 'Boundaries agree within 2 pixels.'),
        (
            {'tolerance_pixels': 2.5, 'tolerance_metres': 0.5, 'gsd': 0.2},
            'Boundaries agree within 2.5 pixels, 0.50 m at 0.200 m a pixel.',
        ),
        ({'tolerance_pixels': None, 'tolerance_metres': None, 'gsd': None}, ''),
    ],
)
def test_boundary_note(metrics, boundary, note):
    assert tables.boundary_note({**metrics, 'boundary': boundary}) == note


def test_headings_name_what_was_tested(metrics):
    assert tables.headings(metrics)['title'] == 'best.pth'
    pixels = 5 * 46 * 64  # the upper two rows of every drawn label are ignored
    assert tables.headings(metrics)['facts']['Images'] == f'5, with {pixels:,} counted pixels'
    held = {'class': 'background', 'value': 0.42}
    changed = {**metrics, 'run': {**metrics['run'], 'checkpoint': None, 'config': None, 'threshold': held}}
    heading = tables.headings(changed)
    assert heading['title'] == 'written predictions'
    assert 'Config' not in heading['facts']
    assert heading['facts']['Threshold'] == 'background from 0.42'


def test_provenance_holds_command_hashes_and_versions(metrics):
    rows = dict(tables.provenance(metrics))
    assert rows['Command'] == "tools/test.py config.py best.pth --report 'a folder'"
    assert rows['Checkpoint, SHA-256'] == 'd' * 64
    assert rows['Versions'] == 'mmseg_aux_hrnet 0.1.0, torch 2.13.0'
    assert all(name in rows for name in ('Date', 'Device', 'Config', 'Config, SHA-256', 'Data list', 'Work folder'))


def test_classes_without_colours_get_some_and_it_is_said():
    metrics = report_of(2, classes=type(GREEN)(GREEN.names, None, 'green'))[0]
    colours = [row['colour'] for row in tables.class_rows(metrics)]
    assert len(set(colours)) == 2
    assert all(colour.startswith('rgb(') for colour in colours)
