"""Measures the most memory of a process that predicts or trains, each in a fresh one.

Usage: python benchmarks/memory.py [--networks NAME...] [--rounds N] [--toy]
"""

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from contenders import CONFIGS, SMALLEST, leaf, plain_losses, stock_model
from libraries import missing
from mmengine.config import Config
from results import OURS, STOCK, Result, command_line, compared, not_measured, run_part
from turns import HERE, fresh_in_turns, peak_memory

PART = 'peak memory'
LIBRARIES = {'timm': 'timm', 'segmentation-models-pytorch': 'segmentation_models_pytorch'}
EQUAL = 'as in "prediction"'


class Work(NamedTuple):
    """Images at once, their (height, width), and whether they are trained on."""

    images: int
    size: tuple[int, int]
    train: bool

    def __str__(self) -> str:
        return f'{"training step" if self.train else "prediction"}, {self.images} x {self.size[0]}x{self.size[1]}'


WORKS = (
    Work(1, (512, 512), train=False),
    Work(1, (1024, 2048), train=False),
    Work(4, (512, 512), train=False),
    Work(2, (256, 512), train=True),
)
TOY_WORKS = (Work(1, (64, 64), train=False),)


def rows(network: str, work: Work, folder: Path, args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of a network and a work."""
    files = {who: str(folder / f'{network}_{who}.py') for who in (STOCK, OURS)}
    config = leaf(network)
    plain_losses(config.model)
    Config({'model': config.model}).dump(files[OURS])
    Config({'model': stock_model(config.model)}).dump(files[STOCK])
    words = {
        who: words_of(who, files.get(who, files[STOCK]), network, work, args) for who in contenders(work, args.peers)
    }
    answers = fresh_in_turns(words, rounds=args.rounds, threads=args.threads)
    assert all(answer['ours'] == (who == OURS) for who, record in answers.items() for answer in record)
    for more, figure in (('', _peak), (', above the built network', _growth)):
        values = {who: [figure(answer) for answer in record] for who, record in answers.items()}
        yield from compared(PART, f'{network}, {work}{more}', values, unit='MB', equal=EQUAL)


def contenders(work: Work, peers: Path | None) -> list[str]:
    """Return who does a work."""
    return [STOCK, OURS, *(who for who, module in LIBRARIES.items() if not work.train and not missing(module, peers))]


def words_of(who: str, file: str, network: str, work: Work, args: argparse.Namespace) -> list[str]:
    """Return the command line of a process, without ``python``."""
    words = [str(HERE / 'memory_process.py'), file, '--who', who, '--network', network, '--count', str(work.images)]
    words += ['--size', *map(str, work.size)]
    return [*words, *(['--train'] if work.train else []), *(['--peers', str(args.peers)] if args.peers else [])]


def _peak(answer: dict[str, Any]) -> float:
    return float(answer['mb'])


def _growth(answer: dict[str, Any]) -> float:
    return float(answer['mb'] - answer['before'])


def measure(args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of all networks."""
    if peak_memory() is None:
        yield not_measured(PART, 'all', OURS, reason='this system does not tell')
        return
    with tempfile.TemporaryDirectory() as folder:
        for network in [SMALLEST] if args.toy else args.networks:
            for work in TOY_WORKS if args.toy else WORKS:
                yield from rows(network, work, Path(folder), args)
    for who, module in LIBRARIES.items():
        if reason := missing(module, args.peers):
            yield not_measured(PART, 'prediction', who, reason=reason)


def main() -> None:
    """Measure and print."""
    line = command_line(__doc__, rounds=1)
    line.add_argument('--networks', nargs='+', choices=CONFIGS, default=[SMALLEST, 'W18'], help='default: %(default)s')
    run_part(measure, line.parse_args())


if __name__ == '__main__':
    main()
