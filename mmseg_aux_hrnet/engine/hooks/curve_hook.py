"""Keeps a picture of the training curve in the work dir."""

from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from mmseg_aux_hrnet.visualization import Curve, draw_curves

STEPS_KEY = 'curve_steps'  # in the message hub, so that a resumed run goes on with its curve


@HOOKS.register_module()
class CurveHook(Hook):
    """Draw loss and validation figures to ``training_curve.png`` after every validation and at the end.

    Args:
        figures: names of validation figures, at most 4, in percent; those that a validation does not give are left out.
    """

    priority = 'LOW'  # after the hook that writes the figures to the message hub, before the one that saves it

    def __init__(self, figures: tuple[str, ...] = ('mIoU', 'OA')) -> None:
        self.figures = tuple(figures)

    def before_val_epoch(self, runner: Any) -> None:
        """Note at which iteration figures will be taken: before the best checkpoint is saved, which keeps the note."""
        hub = runner.message_hub
        hub.update_info(STEPS_KEY, [*hub.runtime_info.get(STEPS_KEY, []), runner.iter])

    @master_only
    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Draw."""
        hub = runner.message_hub
        if 'train/loss' not in hub.log_scalars:
            return
        losses = [float(value) for value in hub.get_scalar('train/loss').data[0]]
        first = runner.iter - len(losses)
        loss = Curve('loss', list(range(first + 1, runner.iter + 1)), losses)
        steps = hub.runtime_info.get(STEPS_KEY, [])
        figures = []
        for name in self.figures:
            if f'val/{name}' in hub.log_scalars:
                values = [float(value) for value in hub.get_scalar(f'val/{name}').data[0]]
                count = min(len(values), len(steps))
                figures.append(Curve(name, steps[len(steps) - count :], values[len(values) - count :]))
        path = Path(runner.work_dir) / 'training_curve.png'
        draw_curves(path, loss=loss, figures=figures, title=str(runner.experiment_name))

    after_train = after_val_epoch  # once more, with the last iterations
