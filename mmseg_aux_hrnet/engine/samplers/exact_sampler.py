"""Samplers that can start anywhere and give every sample its own random numbers.

The processes of a run deal out one order: of the batch that they make together, all positions lie side by side in it.
So what an iteration sees depends on the seed and on the size of that global batch, not on the number of processes.
"""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmseg.registry import DATA_SAMPLERS

from mmseg_aux_hrnet.engine.private_names import infinite_indices
from mmseg_aux_hrnet.engine.samplers.seeded_fetch import Draw, OnBadSample, SeededFetch
from mmseg_aux_hrnet.errors import ConfigError


class _ExactSampler:
    """What both samplers have beside mmengine's: samples with random numbers of their own."""

    def __init__(self, dataset: Any, *, on_bad_sample: OnBadSample = 'stop', **kwargs: Any) -> None:
        super().__init__(dataset, **kwargs)  # type: ignore[call-arg]  # of mmengine's sampler
        dataset.__getitems__ = SeededFetch(dataset, on_bad_sample=on_bad_sample)
        self._start = 0


@DATA_SAMPLERS.register_module()
class ExactInfiniteSampler(_ExactSampler, InfiniteSampler):
    """mmengine's ``InfiniteSampler``, in the same order, for loops over iterations.

    The data set gets a :class:`~mmseg_aux_hrnet.engine.samplers.seeded_fetch.SeededFetch`, before the loader hands it
    to its workers.

    Args:
        dataset: the data set to draw from.
        on_bad_sample: see ``SeededFetch``.
        **kwargs: as in mmengine.

    Attributes:
        shift: draws of all processes that :meth:`skip` leaves out beside its own: of a run that began with another
            global batch; below 0 where that was smaller.
    """

    shift = 0

    def skip(self, num_samples: int) -> None:
        """Let the next ``iter()`` leave out the first ``num_samples`` draws of each process.

        mmengine's loop calls it on resume.
        """
        self._start = num_samples * self.world_size + self.shift

    def __iter__(self) -> Iterator[int]:
        """Yield draws without end."""
        first, self._start = self._start + self.rank, 0
        indices = islice(infinite_indices(self), first, None, self.world_size)
        for position, index in zip(count(first, self.world_size), indices, strict=False):
            yield Draw(index, seed=self.seed, position=position)


@DATA_SAMPLERS.register_module()
class ExactSampler(_ExactSampler, DefaultSampler):
    """mmengine's ``DefaultSampler``, in the same order, for loops over epochs.

    mmengine fills up an epoch to a multiple of the number of processes, which so changes what later epochs draw. With
    ``global_batch`` each epoch is a whole number of those batches.

    Args:
        dataset: the data set to draw from; gets a ``SeededFetch`` as in :class:`ExactInfiniteSampler`.
        global_batch: images that all processes together see in an iteration; None for epochs as mmengine has them.
        drop_last: leave out the images that fill no whole global batch, as the loader of this name; else the batch
            is filled up with the first images of the epoch.
        on_bad_sample: see ``SeededFetch``.
        **kwargs: as in mmengine.

    Raises:
        ConfigError: nothing is left of an epoch.
    """

    def __init__(
        self, dataset: Any, *, global_batch: int | None = None, drop_last: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(dataset, **kwargs)
        if global_batch is None:
            return
        batches = len(dataset) // global_batch if drop_last else -(-len(dataset) // global_batch)
        if not batches:
            raise ConfigError(
                f'{len(dataset)} training images fill no batch of {global_batch}, and train_dataloader.drop_last '
                f'leaves out what is less: give --global-batch of {len(dataset)} at most'
            )
        self.round_up = True
        self.total_size = batches * global_batch
        self.num_samples = self.total_size // self.world_size

    def start_at(self, num_samples: int) -> None:
        """Let the next ``iter()`` leave out the first ``num_samples`` draws of this process."""
        self._start = num_samples

    def __iter__(self) -> Iterator[int]:
        """Yield the draws of one epoch, or the rest of them."""
        start, self._start = self._start, 0
        before = self.epoch * self.total_size + self.rank
        for place, index in enumerate(islice(super().__iter__(), start, None), start):
            yield Draw(index, seed=self.seed, position=before + place * self.world_size)
