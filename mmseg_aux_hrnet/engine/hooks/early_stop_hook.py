"""Stops when validation no longer improves, also across interruptions."""

from typing import Any

from mmengine.hooks import EarlyStoppingHook
from mmseg.registry import HOOKS

STATE_KEY = 'early_stop'  # in the message hub: validations without improvement, best score


@HOOKS.register_module()
class EarlyStopHook(EarlyStoppingHook):
    """mmengine's ``EarlyStoppingHook``, which a resumed run goes on with instead of starting to count again."""

    priority = 'LOW'  # before the hook that saves

    def before_train(self, runner: Any) -> None:
        """Take up the count of the run that is resumed."""
        if STATE_KEY in runner.message_hub.runtime_info:
            self.wait_count, self.best_score = runner.message_hub.get_info(STATE_KEY)

    def after_val_epoch(self, runner: Any, metrics: dict[str, float]) -> None:
        """Count, and note the count."""
        super().after_val_epoch(runner, metrics)
        runner.message_hub.update_info(STATE_KEY, [self.wait_count, float(self.best_score)])
