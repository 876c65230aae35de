"""Samplers that can start anywhere and give every sample its own random numbers."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmseg.registry import DATA_SAMPLERS

from mmseg_aux_hrnet.engine.private_names import indices_of_rank
from mmseg_aux_hrnet.engine.samplers.seeded_fetch import Draw, OnBadSample, SeededFetch


class _ExactSampler:
    """What both samplers have beside mmengine's: samples with random numbers of their own, and a place to start at."""

    def __init__(self, dataset: Any, *, on_bad_sample: OnBadSample = 'stop', **kwargs: Any) -> None:
        super().__init__(dataset, **kwargs)  # type: ignore[call-arg]  # of mmengine's sampler
        dataset.__getitems__ = SeededFetch(dataset, on_bad_sample=on_bad_sample)
        self._start = 0

    def start_at(self, num_samples: int) -> None:
        """Let the next ``iter()`` leave out the first ``num_samples`` draws of this process."""
        self._start = num_samples


@DATA_SAMPLERS.register_module()
class ExactInfiniteSampler(_ExactSampler, InfiniteSampler):
    """mmengine's ``InfiniteSampler``, in the same order, for loops over iterations.

    The data set gets a :class:`~mmseg_aux_hrnet.engine.samplers.seeded_fetch.SeededFetch`, before the loader hands it
    to its workers.

    Args:
        dataset: the data set to draw from.
        on_bad_sample: see ``SeededFetch``.
        **kwargs: as in mmengine.
    """

    skip = _ExactSampler.start_at  # by this name mmengine's loop calls it on resume

    def __iter__(self) -> Iterator[int]:
        """Yield draws without end."""
        start, self._start = self._start, 0
        for place, index in enumerate(islice(indices_of_rank(self), start, None), start):
            yield Draw(index, seed=self.seed, position=self.rank + place * self.world_size)


@DATA_SAMPLERS.register_module()
class ExactSampler(_ExactSampler, DefaultSampler):
    """mmengine's ``DefaultSampler``, in the same order, for loops over epochs.

    Args:
        dataset: the data set to draw from; gets a ``SeededFetch`` as in :class:`ExactInfiniteSampler`.
        on_bad_sample: see ``SeededFetch``.
        **kwargs: as in mmengine.
    """

    def __iter__(self) -> Iterator[int]:
        """Yield the draws of one epoch, or the rest of them."""
        start, self._start = self._start, 0
        before = self.epoch * self.total_size + self.rank
        for place, index in enumerate(islice(super().__iter__(), start, None), start):
            yield Draw(index, seed=self.seed, position=before + place * self.world_size)
