"""Reports the samples that were left out because they cannot be read."""

from collections import Counter
from typing import Any

from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from mmseg_aux_hrnet.engine.samplers.seeded_fetch import SKIPPED_KEY
from mmseg_aux_hrnet.errors import counted


@HOOKS.register_module()
class SkippedSampleHook(Hook):
    """Warn of every fault once, and count them all at the end."""

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Look for notes of the loader."""
        for sample in data_batch['data_samples']:
            for fault in sample.metainfo.get(SKIPPED_KEY, ()):
                if fault not in self.faults:
                    runner.logger.warning(f'a sample is left out, and the next one takes its place: {fault}')
                self.faults[fault] += 1

    def after_train(self, runner: Any) -> None:
        """Report the count."""
        if self.faults:
            runner.logger.warning(
                f'{counted(len(self.faults), "damaged sample")} left out {counted(self.faults.total(), "time")}'
            )
