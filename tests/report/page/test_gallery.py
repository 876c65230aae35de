import json

import pytest
from page_support import CITY, GREEN, report_of

from mmseg_aux_hrnet.report.page import gallery
from mmseg_aux_hrnet.report.page.overlays import NOT_COUNTED


def test_groups_show_every_tile_once_with_three_maps():
    metrics, tiles = report_of(7)
    groups = gallery.groups(metrics, tiles)
    assert [group['key'] for group in groups] == ['worst', 'median', 'best', 'others']
    shown = [tile for group in groups for tile in group['tiles']]
    assert sorted(tile['index'] for tile in shown) == list(range(7))
    assert [part['key'] for part in shown[0]['maps']] == ['errors', 'label', 'prediction']
    worst = min(metrics['images'], key=lambda image: image['iou']['green'])
    assert shown[0]['name'] == worst['name']
    assert shown[0]['score'] == f'IoU {worst["iou"]["green"]:.2f}, F1 {worst["f1"]["green"]:.2f}'


def test_others_are_folded_unless_they_are_all():
    metrics, tiles = report_of(7)
    assert [group['open'] for group in gallery.groups(metrics, tiles)] == [True, True, True, False]
    metrics, tiles = report_of(2)
    assert [(group['key'], group['open']) for group in gallery.groups(metrics, tiles)] == [('others', True)]


def test_tiles_that_were_not_kept_are_left_out():
    metrics, tiles = report_of(4)
    del tiles[2]
    shown = [tile['index'] for group in gallery.groups(metrics, tiles) for tile in group['tiles']]
    assert sorted(shown) == [0, 1, 3]
    assert gallery.gallery_note(metrics, tiles).startswith('3 of 4 images, ranked by IoU of green.')


def test_of_two_classes_only_the_one_of_interest_is_laid_over_the_image():
    two, four = (gallery.legends(report_of(1, classes=classes)[0]) for classes in (GREEN, CITY))
    assert [row['name'] for row in two['classes']] == ['green', NOT_COUNTED.name]
    assert [row['name'] for row in four['classes']] == [*CITY.names, NOT_COUNTED.name]
    assert [row['name'] for row in four['errors']] == ['wrong', NOT_COUNTED.name]


def test_table_holds_the_figures_of_every_image():
    metrics, tiles = report_of(3)
    del tiles[1]
    table, _ = gallery.table(metrics, tiles)
    titles = ['Image', 'IoU green', 'F1 green', 'Precision green', 'Recall green', 'mIoU', 'OA', 'Pixels']
    assert [column['title'] for column in table['columns']] == titles
    image = metrics['images'][1]
    figures = [image[key]['green'] for key in ('iou', 'f1', 'precision', 'recall')]
    assert table['rows'][1][0] == image['name']
    assert table['rows'][1][1:8] == pytest.approx([*figures, image['miou'], image['oa'], image['pixels']], abs=1e-4)
    assert [row[-1] for row in table['rows']] == [0, None, 2]


def test_table_of_many_classes_has_a_column_for_each():
    table, _ = gallery.table(*report_of(2, classes=CITY))
    assert [column['title'] for column in table['columns'][3:-1]] == [f'IoU {name}' for name in CITY.names]


def test_a_table_that_would_be_too_large_keeps_the_images_with_tiles(monkeypatch):
    metrics, tiles = report_of(6)
    monkeypatch.setattr(gallery, 'ROWS_BUDGET', 200)
    table, note = gallery.table(metrics, {2: tiles[2]})
    assert [row[0] for row in table['rows']] == ['tile_2']
    assert note.endswith('Here are the 1 image with tiles; per_image.csv lists all 6.')


def test_table_is_plain_json():
    metrics, tiles = report_of(2)
    metrics['images'][0]['iou']['green'] = None
    table, _ = gallery.table(metrics, tiles)
    assert json.loads(json.dumps(table, allow_nan=False))['rows'][0][1] is None


def test_tiles_without_an_image_are_said():
    metrics, tiles = report_of(2)
    tiles[1] = tiles[1]._replace(image=None)
    assert 'whole images. The image of 1 is not known' in gallery.gallery_note(metrics, tiles)
    (group,) = gallery.groups(metrics, tiles)
    assert {tile['index']: tile['image'] is None for tile in group['tiles']} == {0: False, 1: True}
    assert [len(tile['maps']) for tile in group['tiles']] == [3, 3]
