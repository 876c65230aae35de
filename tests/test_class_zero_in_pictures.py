"""Class 0 of two is of interest: every picture marks the same pixels as correct, false alarm and missed."""

import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from areas_support import write_map
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image
from raster_support import write_raster

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.engine import ContactSheetHook, OverlayHook
from mmseg_aux_hrnet.evaluation import ConfusionMetric
from mmseg_aux_hrnet.maps import zonal_area
from mmseg_aux_hrnet.maps.legend import legend_tags
from mmseg_aux_hrnet.maps.measure.quicklook import draw_quicklook
from mmseg_aux_hrnet.report.page import gallery, overlays
from mmseg_aux_hrnet.report.page.tiles import PageTile
from mmseg_aux_hrnet.visualization import overlay

META = {'classes': ('green', 'other'), 'palette': [[0, 200, 0], [0, 0, 0]]}
# hit, missed, false alarm, correctly other
LABEL, PREDICTION = np.array([[0, 0, 1, 1]], np.uint8), np.array([[0, 1, 0, 1]], np.uint8)
BARE = (90, 100, 110)  # not a grey, which the smoothed edges of letters have
WORDS = ('hit', 'missed', 'false', 'bare')


def tint(colour):
    return tuple(round(0.45 * under + 0.55 * part) for under, part in zip(BARE, colour, strict=True))


COLOURS = {
    tint(overlay.CORRECT): 'hit',
    tint(overlay.MISSED): 'missed',
    tint(overlay.FALSE_ALARM): 'false',
    BARE: 'bare',
}


@pytest.fixture(params=['of the metric', 'of the data set'])
def runner(request, tmp_path):
    """Return what hooks see of a run on one image of 400 x 100 pixels, of which each quarter is of one kind."""
    Image.new('RGB', (400, 100), BARE).save(tmp_path / 'a.png')
    of_metric = request.param == 'of the metric'
    dataset = Listed([{'img_path': str(tmp_path / 'a.png')}])
    dataset.metainfo = META if of_metric else {**META, 'class_of_interest': 'green'}
    evaluator = SimpleNamespace(metrics=[ConfusionMetric(class_of_interest='green' if of_metric else None)])
    loader = SimpleNamespace(dataset=dataset)
    return SimpleNamespace(
        val_dataloader=loader, test_dataloader=loader, val_evaluator=evaluator, test_evaluator=evaluator,
        work_dir=str(tmp_path), experiment_name='run', iter=7,
    )  # fmt: skip


class Listed(list):
    """Stands for a data set: records with paths."""

    def get_data_info(self, index):
        return self[index]


def sample(runner):
    result = SegDataSample(metainfo=runner.val_dataloader.dataset.get_data_info(0))
    for name, classes in (('pred_sem_seg', PREDICTION), ('gt_sem_seg', LABEL)):
        setattr(result, name, PixelData(data=torch.from_numpy(classes.repeat(100, 0).repeat(100, 1))[None]))
    return result


def kinds(picture, *, left, width, row):
    """Return what four quarters of a panel show, by the colour in the middle of each."""
    return tuple(COLOURS[tuple(picture[row, left + width * (2 * i + 1) // 8].tolist())] for i in range(4))


def test_overlay(runner, tmp_path):
    OverlayHook(str(tmp_path / 'out')).after_test_iter(runner, 0, None, [sample(runner)])
    picture = np.asarray(Image.open(tmp_path / 'out' / 'a.png'))
    row = picture.shape[0] - 50
    assert kinds(picture, left=400 + overlay.GAP, width=400, row=row) == ('hit', 'hit', 'bare', 'bare')
    assert kinds(picture, left=2 * (400 + overlay.GAP), width=400, row=row) == WORDS


def test_contact_sheet(runner, tmp_path):
    hook = ContactSheetHook(samples=1)
    hook.before_val_epoch(runner)
    hook.after_val_iter(runner, 0, None, [sample(runner)])
    (tile,) = hook._tiles.values()
    assert tile.note == 'a.png   IoU.green 33.3'
    hook.after_val_epoch(runner, {'IoU.green': 33.3})
    picture = np.asarray(Image.open(tmp_path / 'validation_samples.png'))
    row = int(np.argwhere((picture == BARE).all(axis=2))[0][0]) + 5  # of the first tile
    assert kinds(picture, left=14 + 204, width=200, row=row) == ('hit', 'hit', 'bare', 'bare')
    assert kinds(picture, left=14 + 2 * 204, width=200, row=row) == WORDS


def test_error_map_and_picture_of_the_report():
    errors = overlays.error_map(PREDICTION, LABEL, num_classes=2, class_of_interest=0)
    named = {overlays.HIT.value: 'hit', overlays.MISSED.value: 'missed', overlays.FALSE.value: 'false', 0: 'bare'}
    assert tuple(named[value] for value in errors[0].tolist()) == WORDS
    classes = [{'name': name, 'color': colour} for name, colour in zip(META['classes'], META['palette'], strict=True)]
    image = {'miou': 50.0, 'oa': 50.0, 'iou': {'green': 33.3}, 'f1': {'green': 50.0}}
    metrics = {'classes': classes, 'class_of_interest': 'green', 'images': [image]}
    (group,) = gallery.groups(metrics, {0: PageTile('a', None, LABEL, PREDICTION)})
    views = {view['key']: rgba(view['src']) for view in group['tiles'][0]['maps']}
    marks = [(*kind.colour, 255) for kind in (overlays.HIT, overlays.MISSED, overlays.FALSE)]
    assert views['errors'][:3] == marks and views['errors'][3][3] == 0
    assert [pixel[3] for pixel in views['label']] == [255, 255, 0, 0]
    assert [pixel[3] for pixel in views['prediction']] == [255, 0, 255, 0]
    assert views['label'][0][:3] == (0, 200, 0)


def rgba(address):
    picture = Image.open(io.BytesIO(base64.b64decode(address.partition(',')[2]))).convert('RGBA')
    return [picture.getpixel((column, 0)) for column in range(4)]


def test_quicklook(tmp_path):
    classes = Classes(META['classes'], None, 0)
    values = np.repeat([[0], [1]], [12, 28], axis=0) * np.ones((1, 60))  # the upper 12 rows are green
    path = write_map(tmp_path / 'map.tif', values, tags=legend_tags(classes))
    image = write_raster(tmp_path / 'image.tif', np.full((3, 40, 60), 100, np.uint8), colours=('red', 'green', 'blue'))
    areas = zonal_area(path)
    assert areas.legend.of_interest == 0
    picture = np.asarray(Image.open(io.BytesIO(draw_quicklook(areas, image=image))).convert('RGB'))
    over, bare = (float((picture == shade).all(axis=2).mean()) for shade in (50, 100))  # green is black there
    assert 0.1 < over < bare < 0.7
    assert (picture[..., 0] / 2 > picture[..., 1]).mean() < 0.01, 'the other class, dark red, is not drawn'
