"""Samplers that can start anywhere and give every sample its own random numbers.

All processes of a run share one order, in which the images of a global batch (that of all processes) lie side by side.
So the images of an iteration depend on the seed and on the size of the global batch, not on the number of processes.
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
    """The part that both samplers add to mmengine's: samples with random numbers of their own."""

    def __init__(self, dataset: Any, *, on_bad_sample: OnBadSample = 'stop', **kwargs: Any) -> None:
        super().__init__(dataset, **kwargs)  # type: ignore[call-arg]  # of mmengine's sampler
        dataset.__getitems__ = SeededFetch(dataset, on_bad_sample=on_bad_sample)
        self._start = 0


@DATA_SAMPLERS.register_module()
class ExactInfiniteSampler(_ExactSampler, InfiniteSampler):
    """Draw in the order of mmengine's ``InfiniteSampler``, for loops over iterations.

    The sampler gives the data set a :class:`~mmseg_aux_hrnet.engine.samplers.seeded_fetch.SeededFetch`, before the
    loader copies the data set to its workers.

    Args:
        dataset: the data set to draw from.
        on_bad_sample: see ``SeededFetch``.
        **kwargs: as in mmengine.

    Attributes:
        shift: how many more draws of all processes :meth:`skip` leaves out, if the run began with another global
            batch. The number is below 0 if that batch was smaller.
    """

    shift = 0

    def skip(self, num_samples: int) -> None:
        """Leave out the first ``num_samples`` draws of each process at the next ``iter()``.

        mmengine's loop calls this method on resume.
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
    """Draw in the order of mmengine's ``DefaultSampler``, for loops over epochs.

    mmengine makes an epoch longer until all processes have the same number of images, so the number of processes
    changes the draws of later epochs. With ``global_batch`` each epoch is a whole number of global batches.

    Args:
        dataset: the data set to draw from; it gets a ``SeededFetch`` as in :class:`ExactInfiniteSampler`.
        global_batch: number of images that all processes together see in an iteration; None for mmengine's epochs.
        drop_last: whether to leave out the last images if they do not fill a global batch. Otherwise the first images
            of the epoch fill it.
        on_bad_sample: see ``SeededFetch``.
        **kwargs: as in mmengine.

    Raises:
        ConfigError: an epoch has no images.
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
        """Leave out the first ``num_samples`` draws of this process at the next ``iter()``."""
        self._start = num_samples

    def __iter__(self) -> Iterator[int]:
        """Yield the draws of one epoch, or the rest of them."""
        start, self._start = self._start, 0
        before = self.epoch * self.total_size + self.rank
        for place, index in enumerate(islice(super().__iter__(), start, None), start):
            yield Draw(index, seed=self.seed, position=before + place * self.world_size)
