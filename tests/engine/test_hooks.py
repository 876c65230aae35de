from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image
from torch import nn

from mmseg_aux_hrnet.engine import ClassCountHook, CurveHook, DataFilesHook, OverlayHook
from mmseg_aux_hrnet.engine.hooks import curve_hook
from mmseg_aux_hrnet.engine.hooks.data_check_hooks import heads
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.visualization import Curve
from mmseg_aux_hrnet.visualization.overlay import CAPTION_HEIGHT

META = dict(classes=('background', 'green'), palette=[[0, 0, 0], [128, 0, 0]])


def head(num_classes):
    module = nn.Identity()
    module.num_classes = num_classes
    return module


def segmentor(main=2, auxiliary=(2, 2)):
    model = nn.Module()
    model.decode_head = head(main)
    model.auxiliary_head = nn.ModuleList(head(n) for n in auxiliary)
    return model


def loader(**meta):
    return SimpleNamespace(dataset=SimpleNamespace(metainfo={**META, **meta}))


@pytest.mark.parametrize(
    ('model', 'message'),
    [
        (segmentor(main=19), 'decode_head predicts 19 classes but the data set has 2'),
        (segmentor(auxiliary=(2, 3)), r'auxiliary_head\[1\] predicts 3'),
    ],
)
def test_class_count_hook_names_the_head(model, message):
    runner = SimpleNamespace(model=model, train_dataloader=loader(), val_dataloader=loader(), test_dataloader=loader())
    for start in (ClassCountHook().before_train, ClassCountHook().before_val, ClassCountHook().before_test):
        with pytest.raises(ConfigError, match=message):
            start(runner)


def test_class_count_hook_lets_matching_heads_pass():
    wrapped = nn.Module()
    wrapped.module = segmentor()
    assert len(heads(wrapped)) == 3
    ClassCountHook().before_train(SimpleNamespace(model=wrapped, train_dataloader=loader()))
    with pytest.raises(ConfigError, match='1'):
        ClassCountHook().before_train(SimpleNamespace(model=wrapped, train_dataloader=loader(classes=('green',))))


class Listed(list):
    """Stands for a data set: records with paths."""

    def get_data_info(self, index):
        return self[index]


@pytest.mark.parametrize('stage', ['train', 'val', 'test'])
def test_data_files_hook_names_the_first_missing_file(tmp_path, stage):
    (tmp_path / 'a.png').touch()
    there = dict(img_path=str(tmp_path / 'a.png'))
    records = Listed([there, dict(there, seg_map_path=str(tmp_path / 'b.png'))])
    runner = SimpleNamespace(**{f'{stage}_dataloader': SimpleNamespace(dataset=records)})
    with pytest.raises(DataError, match='1 of 3 files missing, first .*b.png'):
        getattr(DataFilesHook(), f'before_{stage}')(runner)
    (tmp_path / 'b.png').touch()
    getattr(DataFilesHook(), f'before_{stage}')(runner)


def test_files_of_a_repeated_data_set_are_looked_for_once(tmp_path):
    class Repeated(Listed):
        dataset = Listed([dict(img_path=str(tmp_path / 'a.png'))])

        def get_data_info(self, index):
            raise AssertionError('asked the wrapper')

    runner = SimpleNamespace(train_dataloader=SimpleNamespace(dataset=Repeated([{}] * 1000)))
    with pytest.raises(DataError, match='1 of 1 file missing'):
        DataFilesHook().before_train(runner)


def test_heads_of_a_cascade_are_checked_too():
    model = nn.Module()
    model.decode_head = nn.ModuleList([head(2), head(3)])
    with pytest.raises(ConfigError, match=r'decode_head\[1\] predicts 3'):
        ClassCountHook().before_train(SimpleNamespace(model=model, train_dataloader=loader()))


def test_curve_hook_draws_after_validation_and_keeps_its_steps(tmp_path, monkeypatch):
    hub = MessageHub('test_curve_hook')
    runner = SimpleNamespace(message_hub=hub, iter=2, work_dir=str(tmp_path), experiment_name='demo')
    hook = CurveHook(figures=('IoU.green', 'absent'))
    hook.before_val_epoch(runner)
    hook.after_val_epoch(runner)  # before any loss there is nothing to draw
    assert not (tmp_path / 'training_curve.png').exists()
    for loss in (1.0, 0.5):
        hub.update_scalar('train/loss', loss)
    hub.update_scalar('val/IoU.green', 30.0)
    runner.iter = 4
    hook.before_val_epoch(runner)
    hook.after_val_epoch(runner)
    assert (tmp_path / 'training_curve.png').stat().st_size > 1000
    assert hub.get_info('curve_steps') == [2, 4]
    drawn = {}
    monkeypatch.setattr(curve_hook, 'draw_curves', lambda path, **given: drawn.update(given))
    hook.after_train(runner)
    assert drawn['figures'] == [Curve('IoU.green', [4], [30.0])]  # the last figure is of the last step


def test_curve_without_noted_steps_is_empty(tmp_path, monkeypatch):
    hub = MessageHub('test_curve_without_steps')
    hub.update_scalar('train/loss', 1.0)
    hub.update_scalar('val/OA', 50.0)
    drawn = {}
    monkeypatch.setattr(curve_hook, 'draw_curves', lambda path, **given: drawn.update(given))
    CurveHook().after_train(SimpleNamespace(message_hub=hub, work_dir=str(tmp_path), iter=1, experiment_name='run'))
    assert drawn['figures'] == [Curve('OA', [], [])]


def predicted(path):
    """A prediction whose upper left corner is green."""
    classes = torch.zeros(1, 32, 48, dtype=torch.long)
    classes[0, 0, 0] = 1
    return SegDataSample(pred_sem_seg=PixelData(data=classes), metainfo={'img_path': str(path)})


def test_overlay_hook_writes_a_picture_per_image(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3)).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / 'tile.jpg')
    hook = OverlayHook(str(tmp_path / 'pictures'))
    hook.after_test_iter(
        SimpleNamespace(test_dataloader=loader(), test_evaluator=None), 0, outputs=[predicted(tmp_path / 'tile.jpg')]
    )
    assert [p.name for p in (tmp_path / 'pictures').iterdir()] == ['tile.png']
    assert Image.open(tmp_path / 'pictures/tile.png').width == 2 * 7 * 48 + 6  # 48 pixels become at least 300
    picture = np.asarray(Image.open(tmp_path / 'pictures/tile.png')).astype(int)[CAPTION_HEIGHT:]
    changed = np.abs(picture[:, : 7 * 48] - picture[:, -7 * 48 :]).max(-1) > 0
    assert changed[:7, :7].all()
    assert not changed[7:].any()


@pytest.mark.parametrize(('first', 'folder'), [('a', 'a'), ('b', 'pictures')])
def test_overlay_hook_overwrites_neither_inputs_nor_other_pictures(tmp_path, first, folder):
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        Image.new('RGB', (48, 32)).save(tmp_path / name / 'tile.png')
    hook = OverlayHook(str(tmp_path / folder))
    before = (tmp_path / 'a/tile.png').read_bytes()
    with pytest.raises(DataError, match='overwritten|would both'):
        hook.after_test_iter(
            SimpleNamespace(test_dataloader=loader(), test_evaluator=None),
            0,
            outputs=[predicted(tmp_path / first / 'tile.png'), predicted(tmp_path / 'a' / 'tile.png')],
        )
    assert (tmp_path / 'a/tile.png').read_bytes() == before


def test_a_picture_folder_that_cannot_be_made_raises(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(DataError, match='cannot be made'):
        OverlayHook(str(tmp_path / 'file' / 'x'))
