"""Random choices of the transforms of a sample: they depend on the seed and on the place of the sample in the run."""

import random
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch

from mmseg_aux_hrnet.errors import ConfigError, DataError, counted, one_line

OnBadSample = Literal['stop', 'skip']
ON_BAD_SAMPLE: tuple[OnBadSample, ...] = ('stop', 'skip')
SKIPPED_KEY = 'skipped_samples'  # in the metainfo of a sample: why it stands in for others
SAMPLE, MODEL = 0, 1  # kinds of random numbers; a seed gives different numbers for each kind


class Draw(int):
    """An index into the data set, with its seed and its place among the draws of all processes of the run."""

    seed: int
    position: int

    def __new__(cls, index: int, *, seed: int, position: int) -> 'Draw':
        """Return the index with its seed and position."""
        draw = super().__new__(cls, index)
        draw.seed = seed
        draw.position = position
        return draw

    def __getnewargs_ex__(self) -> tuple[tuple[int], dict[str, int]]:
        # Indices go to the workers pickled, and pickle would make an int without seed and position.
        return (int(self),), {'seed': self.seed, 'position': self.position}


def random_words(*key: int) -> list[int]:
    """Return four 32-bit numbers that depend on all parts of the key, and on nothing else."""
    return [int(word) for word in np.random.SeedSequence(key).generate_state(4)]


class SeededFetch:
    """Fetch the samples of a batch. torch's loader calls this object if it is ``__getitems__`` of the data set.

    Before each sample, the generators of Python, numpy and torch get a seed. So the augmentation of a sample does not
    depend on its worker, or on the samples before it. After the batch the generators have their old states again.

    Args:
        dataset: the data set to index.
        on_bad_sample: 'stop' raises the error of a damaged sample; 'skip' takes the next index instead, and the
            metainfo of its ``data_samples`` says so.

    Raises (on call):
        DataError: a sample is damaged, or with 'skip' all of them are.
    """

    def __init__(self, dataset: Any, *, on_bad_sample: OnBadSample = 'stop') -> None:
        if on_bad_sample not in ON_BAD_SAMPLE:
            raise ConfigError(f'on_bad_sample={on_bad_sample!r} is unknown: use {" or ".join(ON_BAD_SAMPLE)}')
        self.dataset = dataset
        self.on_bad_sample = on_bad_sample

    def __call__(self, indices: Sequence[int]) -> list[Any]:
        """Return the samples of the indices."""
        # Without workers the loader runs in the process of the model, and dropout uses the same generators.
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
            if isinstance(index, Draw):  # the place counts, also if another sample stands in for a damaged one
                words = random_words(index.seed, SAMPLE, index.position)
                random.seed(words[0])
                np.random.seed(words[1])
                torch.default_generator.manual_seed(words[2])  # not torch.manual_seed, which also touches the GPUs
            try:
                # Only a sample that stands in for another wraps: a wrong index is an error of the data set.
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
