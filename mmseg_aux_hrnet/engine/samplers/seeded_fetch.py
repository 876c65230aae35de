"""Makes every random choice of a sample's transforms a function of the seed and of the sample's place in the run."""

import random
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch

from mmseg_aux_hrnet.errors import ConfigError, DataError, counted, one_line

OnBadSample = Literal['stop', 'skip']
ON_BAD_SAMPLE: tuple[OnBadSample, ...] = ('stop', 'skip')
SKIPPED_KEY = 'skipped_samples'  # in a sample's metainfo: why the samples before it were left out
SAMPLE, MODEL = 0, 1  # kinds of random numbers: one seed gives each kind its own


class Draw(int):
    """An index into the data set that knows its seed and its place among all draws of the run, over all processes."""

    seed: int
    position: int

    def __new__(cls, index: int, *, seed: int, position: int) -> 'Draw':
        """Return the index with its seed and position."""
        draw = super().__new__(cls, index)
        draw.seed = seed
        draw.position = position
        return draw

    def __getnewargs_ex__(self) -> tuple[tuple[int], dict[str, int]]:
        # Workers get their indices pickled, and an int would be made anew without its seed and position.
        return (int(self),), {'seed': self.seed, 'position': self.position}


def random_words(*key: int) -> list[int]:
    """Return four 32-bit numbers that depend on every part of the key and on nothing else."""
    return [int(word) for word in np.random.SeedSequence(key).generate_state(4)]


class SeededFetch:
    """Fetch the samples of a batch; torch's loader calls it where a data set has it as ``__getitems__``.

    Python's, numpy's and torch's generators are set before each sample, so that its augmentation does not depend on the
    worker that makes it, nor on the samples before it. They are put back after the batch.

    Args:
        dataset: the data set to index.
        on_bad_sample: 'stop' raises what reading a damaged sample raises; 'skip' takes the next index instead and says
            so in the metainfo of its ``data_samples``.

    Raises (on call):
        DataError: a sample is damaged; with 'skip', all of them are.
    """

    def __init__(self, dataset: Any, *, on_bad_sample: OnBadSample = 'stop') -> None:
        if on_bad_sample not in ON_BAD_SAMPLE:
            raise ConfigError(f'on_bad_sample={on_bad_sample!r} is unknown: use {" or ".join(ON_BAD_SAMPLE)}')
        self.dataset = dataset
        self.on_bad_sample = on_bad_sample

    def __call__(self, indices: Sequence[int]) -> list[Any]:
        """Return the samples of the indices."""
        # Without workers the loader runs in the process of the model, whose dropout draws from the same generators.
        state = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
        try:
            return [self._fetch(index) for index in indices]
        finally:
            random.setstate(state[0])
            np.random.set_state(state[1])
            torch.default_generator.set_state(state[2])

    def _fetch(self, index: int) -> Any:
        faults: list[str] = []
        for step in range(len(self.dataset)):
            if isinstance(index, Draw):  # a sample that stands in for a damaged one gets the numbers of its place
                words = random_words(index.seed, SAMPLE, index.position)
                random.seed(words[0])
                np.random.seed(words[1])
                torch.default_generator.manual_seed(words[2])  # not torch.manual_seed, which also touches the GPUs
            try:
                # Only what stands in for a damaged sample wraps: a wrong index is an error of the data set.
                sample = self.dataset[index if step == 0 else (index + step) % len(self.dataset)]
            except DataError as error:
                if self.on_bad_sample == 'stop':
                    raise
                faults.append(one_line(error))
            else:
                if faults:
                    sample['data_samples'].set_metainfo({SKIPPED_KEY: faults})
                return sample
        raise DataError(f'not one of {counted(len(self.dataset), "sample")} can be read; the first: {faults[0]}')
