"""Leaves weights of a checkpoint out when a run loads it, so that they start as the config draws them."""

from typing import Any

from mmengine.hooks import Hook
from mmseg.registry import HOOKS


@HOOKS.register_module()
class LeaveOutHook(Hook):
    """Take weights out of the checkpoint that a run starts from, before the model and its average are filled from it.

    Args:
        prefixes: of the names of the weights.
    """

    # Before EMAHook, which fills the averaged model from the same weights.
    priority = 'VERY_HIGH'

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self.prefixes = tuple(prefixes)

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Take them out of ``state_dict``."""
        kept = {key: value for key, value in checkpoint['state_dict'].items() if not key.startswith(self.prefixes)}
        checkpoint['state_dict'] = kept
