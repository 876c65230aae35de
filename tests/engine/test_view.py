"""What a run shows of itself: the figure that chooses the best checkpoint, and TensorBoard's files."""

import re

import pytest
from mmengine.hooks import CheckpointHook
from tiny_run import quick_start, run  # noqa: F401

from mmseg_aux_hrnet.run.training_loop import best_rule
from mmseg_aux_hrnet.weights import checkpoint_to_resume, read_checkpoint


@pytest.mark.parametrize(
    ('settings', 'said'),
    [
        (dict(save_best='IoU.green', rule='greater'), 'chosen by IoU.green, greater is better'),
        (dict(save_best='loss'), 'chosen by loss, less is better'),
        (dict(save_best=['mIoU', 'OA'], rule='greater'), 'mIoU, greater is better; by OA, greater is better'),
        (dict(save_best='auto'), 'the first figure that validation gives'),
        (dict(), 'no best checkpoint is kept: name a figure with .*save_best=mIoU'),
    ],
)
def test_the_figure_of_the_best_checkpoint_is_named(settings, said):
    assert re.search(said, best_rule(CheckpointHook(interval=1, **settings)))


def test_tensorboard_gets_the_figures_of_training_and_validation(tmp_path):
    events = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    backends = [dict(type='TensorboardVisBackend')]
    run(
        tmp_path,
        epochs=True,
        visualizer=dict(type='SegLocalVisualizer', vis_backends=backends, name='tensorboard_test'),
    )
    [folder] = tmp_path.glob('*/vis_data')
    read = events.EventAccumulator(str(folder))
    read.Reload()
    assert {'loss', 'score'} <= set(read.Tags()['scalars'])
    assert [event.step for event in read.Scalars('score')] == [1, 2, 3, 4]


def test_notes_of_a_run_are_not_logged_as_figures_of_a_validation(tmp_path):
    checkpoint = read_checkpoint(checkpoint_to_resume('auto', run(tmp_path, epochs=True)))
    notes = checkpoint['message_hub']['runtime_info']
    assert 'last_validated_at' in notes
    # mmengine prints every note whose name begins with that of the phase.
    assert [name for name in notes if name.startswith(('train', 'val', 'test'))] == []
