from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmseg_aux_hrnet.engine import ContactSheetHook
from mmseg_aux_hrnet.engine.hooks import contact_sheet_hook
from mmseg_aux_hrnet.errors import ConfigError

META = dict(classes=('background', 'green'), palette=[[0, 0, 0], [128, 0, 0]])


class Listed(list):
    """Stands for a data set: records with paths."""

    metainfo = META

    def get_data_info(self, index):
        return self[index]


@pytest.fixture
def runner(tmp_path):
    for index in range(10):
        Image.new('RGB', (6, 4), (index, 0, 0)).save(tmp_path / f'{index}.png')
    dataset = Listed({'img_path': str(tmp_path / f'{index}.png')} for index in range(10))
    loader = SimpleNamespace(dataset=dataset)
    return SimpleNamespace(
        val_dataloader=loader, val_evaluator=None, work_dir=str(tmp_path), experiment_name='run', iter=7
    )


def sample(record, prediction, label):
    result = SegDataSample(metainfo=record)
    result.pred_sem_seg = PixelData(data=torch.full((1, 4, 6), prediction))
    if label is not None:
        result.gt_sem_seg = PixelData(data=torch.full((1, 4, 6), label))
    return result


def validate(hook, runner, label=1):
    hook.before_val_epoch(runner)
    for index, record in enumerate(runner.val_dataloader.dataset):
        hook.after_val_iter(runner, index, None, [sample(record, 1, label)])
    hook.after_val_epoch(runner, {'IoU.green': 50.0})


@pytest.fixture
def drawn(monkeypatch):
    """Return what the hook hands over to be drawn."""
    calls = []

    def draw(tiles, **settings):
        calls.append((tiles, settings))
        return np.zeros((2, 2, 3), np.uint8)

    monkeypatch.setattr(contact_sheet_hook, 'draw_contact_sheet', draw)
    return calls


def test_the_same_samples_spread_over_the_list_are_drawn_at_every_validation(runner, drawn):
    hook = ContactSheetHook(samples=4)
    validate(hook, runner)
    validate(hook, runner)
    assert len(drawn) == 2
    for tiles, settings in drawn:
        assert [int(tile.image[0, 0, 0]) for tile in tiles] == [0, 3, 6, 9]
        assert tiles[0].note == '0.png   IoU.green 100.0'
        assert settings['title'] == 'run, iteration 7: IoU.green 50.0'


@pytest.mark.parametrize(('label', 'note'), [(None, '0.png'), (0, '0.png   IoU.green 0.0')])
def test_notes_of_samples_without_label_or_hit(runner, drawn, label, note):
    validate(ContactSheetHook(samples=1), runner, label=label)
    assert drawn[0][0][0].note == note


def test_more_samples_than_images_draw_each_once(runner, drawn):
    validate(ContactSheetHook(samples=99), runner)
    assert len(drawn[0][0]) == 10


def test_each_process_draws_its_share_and_the_first_writes(runner, drawn, monkeypatch):
    other = ContactSheetHook(samples=2)
    other.before_val_epoch(runner)
    other.after_val_iter(runner, 0, None, [sample(runner.val_dataloader.dataset[9], 1, 1)])
    monkeypatch.setattr(contact_sheet_hook, 'all_gather_object', lambda mine: [other._tiles, mine])
    hook = ContactSheetHook(samples=2)
    hook.before_val_epoch(runner)
    hook.after_val_iter(runner, 0, None, [sample(runner.val_dataloader.dataset[0], 1, 1)])
    hook.after_val_epoch(runner, {})
    assert [int(tile.image[0, 0, 0]) for tile in drawn[0][0]] == [0, 9]


def test_the_sheet_is_a_picture_in_the_work_dir(runner, tmp_path):
    validate(ContactSheetHook(samples=3), runner)
    with Image.open(tmp_path / 'validation_samples.png') as sheet:
        assert sheet.size[0] > 600
    assert not list(tmp_path.glob('*.part'))


def test_no_samples_are_refused():
    with pytest.raises(ConfigError, match='samples=0: give a number of images from 1 up'):
        ContactSheetHook(samples=0)
