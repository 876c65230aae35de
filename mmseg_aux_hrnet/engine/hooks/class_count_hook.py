"""Refuses to start where data and model disagree about the classes."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmseg.registry import HOOKS
from torch.nn import ModuleList

from mmseg_aux_hrnet.errors import ConfigError


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Compare the classes of each data set with those of every head, before the first iteration.

    Raises (before training, validation and testing):
        ConfigError: the counts differ.
    """

    def before_train(self, runner: Any) -> None:
        """Check the training data."""
        self._check(runner, runner.train_dataloader)

    def before_val(self, runner: Any) -> None:
        """Check the validation data."""
        self._check(runner, runner.val_dataloader)

    def before_test(self, runner: Any) -> None:
        """Check the test data."""
        self._check(runner, runner.test_dataloader)

    def _check(self, runner: Any, dataloader: Any) -> None:
        classes = dataloader.dataset.metainfo.get('classes')
        for name, head in heads(runner.model):
            if classes is not None and head.num_classes != len(classes):
                raise ConfigError(
                    f'{name} predicts {head.num_classes} classes but the data set has {len(classes)} '
                    f'({", ".join(classes)}): set num_classes of every head to {len(classes)}'
                )


def heads(model: Any) -> list[tuple[str, Any]]:
    """Return the heads of a segmentor with their names, below any wrapper for several devices or augmentations."""
    while is_model_wrapper(model) or not hasattr(model, 'decode_head'):
        if not hasattr(model, 'module'):
            return []
        model = model.module
    found = []
    for name in ('decode_head', 'auxiliary_head'):
        part = getattr(model, name, None)
        if hasattr(part, 'num_classes'):
            found.append((name, part))
        elif isinstance(part, ModuleList):
            found += [(f'{name}[{index}]', head) for index, head in enumerate(part)]
    return found
