"""Measures training, prediction and a whole map on one GPU against mmseg, for as long as there is time; gpu.sh runs it.

Usage: python benchmarks/gpu.py [--device cuda|cpu] [--seconds N] [--toy] [--tests FILE] [--json FILE] [--markdown FILE]
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import gpu_works
import torch
from contenders import SMALLEST
from gpu_works import COMPILED, FULL, HALF, LAST, STOCK_FULL, STOCK_HALF
from machine import setting
from results import OURS, Result, command_line, compared, not_measured, save, show, unlimited
from turns import summary, timed_in_turns

TESTS, TRAINING, PREDICTION, MAP, GOALS = 'tests', 'training steps', 'forward passes', 'whole map', 'goals'
TRAINED, PREDICTED = ('W48', 'W18'), ('W18-Small-v1', 'W18-Small-v2', 'W18', 'W48')
# Times mmseg's; and Mpixel/s at 512 x 512: a record of ResNet-50 on an H100, scaled by the ratios that timm publishes.
TIMES = {STOCK_FULL: 3.0, STOCK_HALF: 1.6}
MPIXEL = {'W18-Small-v1': 2240.0, 'W18-Small-v2': 1145.0, 'W18': 660.0, 'W48': 280.0}
WHOLE_MPIXEL = 100.0
FAILED = 'failed: '


class OutOfTime(Exception):
    """The time of the whole run is over."""


class Scale(NamedTuple):
    """How large the works are.

    Attributes:
        step: images of a training step.
        step_size: their height and width.
        full: images of a full batch of prediction, what is tried in turn.
        size: their height and width.
        side: of the raster, pixels.
        seconds: that a measurement takes at least.
    """

    step: int = 16
    step_size: tuple[int, int] = (256, 512)
    full: tuple[int, ...] = (128, 64, 32, 16, 8)
    size: tuple[int, int] = (512, 512)
    side: int = 20000
    seconds: float = 0.4


TOY = Scale(step=2, step_size=(64, 64), full=(2,), size=(64, 64), side=600, seconds=0.0)
Part = tuple[str, str, Callable[[], Iterable[Result]]]


def tested(file: Path) -> Iterator[Result]:
    """Yield a row for each test of a report that pytest has written; one row if it has written none."""
    if not file.is_file():
        yield not_measured(TESTS, 'all', OURS, reason=f'{FAILED}they left no {file.name}')
        return
    for case in ElementTree.parse(file).iter('testcase'):
        said = {child.tag: (child.get('message') or '').splitlines() for child in case}
        outcome = next((kind for kind in ('failure', 'error', 'skipped') if kind in said), None)
        words = 'passed' if outcome is None else f'{outcome}: {" ".join(said[outcome][:1])[:200]}'
        words = f'{FAILED}{words}' if outcome in ('failure', 'error') else words
        yield Result(TESTS, case.get('name', ''), OURS, 's', (float(case.get('time', 0)),), None, words)


def training(network: str, args: argparse.Namespace, *, compiled: bool) -> Iterable[Result]:
    """Yield the rows of the training steps of a network."""
    scale, device = args.scale, torch.device(args.device)
    names = gpu_works.step_names(device, compiled=compiled)
    steps = gpu_works.Steps(network, names, device=device, images=scale.step, size=scale.step_size)
    rate = partial(gpu_works.rate_of, amount=scale.step, seconds=scale.seconds, device=device)
    timers = {who: rate(work) for who, work in steps.works.items()}
    times = timed_in_turns(timers, rounds=args.rounds, warm_up=0)
    height, width = scale.step_size
    work = f'{network} + 2 auxiliary decoders, {scale.step} x {height}x{width}'
    given: Any = {'unit': 'images/s', 'equal': steps.equal(), 'reference': STOCK_FULL, 'more_is_better': True}
    yield from compared(TRAINING, work, times, **given)


def prediction(network: str, args: argparse.Namespace, *, compiled: bool) -> Iterable[Result]:
    """Yield the rows of the forward passes of a network, of one image (not compiled) and of a full batch."""
    scale, device = args.scale, torch.device(args.device)
    names = [STOCK_FULL, COMPILED] if compiled else [STOCK_FULL, STOCK_HALF, FULL, FULL + LAST, HALF, HALF + LAST]
    forwards = gpu_works.Forwards(network, names, device=device)
    full = gpu_works.most_images(forwards, scale.full, size=scale.size)
    height, width = scale.size
    for images in [full] if compiled else [1, full]:
        works = forwards.works(images, scale.size)
        amount = images * height * width / 1e6
        rate = partial(gpu_works.rate_of, amount=amount, seconds=scale.seconds, device=device)
        equal = forwards.equal(works)
        times = timed_in_turns({who: rate(work) for who, work in works.items()}, rounds=args.rounds, warm_up=0)
        given: Any = {'unit': 'Mpixel/s', 'equal': '', 'reference': STOCK_FULL, 'more_is_better': True}
        rows = compared(PREDICTION, f'{network}, {images} x {height}x{width}', times, **given)
        yield from (replace(row, equal=equal[row.who]) for row in rows)


def whole_map(args: argparse.Namespace, *, level: str) -> Iterable[Result]:
    """Yield the rows of a whole map by the network of the zoo, from the file of the raster to that of the map."""
    device, side = torch.device(args.device), args.scale.side
    with tempfile.TemporaryDirectory() as folder:
        raster = Path(folder, 'raster.tif')
        gpu_works.write_ground(raster, side=side)
        images = min(64, args.scale.full[0])
        seconds, predicting = gpu_works.whole_map(raster, device=device, images=images, level=level)
    work = f'W18-Small-v1 of the zoo, {side} x {side}, windows overlap by a third'
    who, millions = COMPILED if level == 'max' else HALF, side * side / 1e6
    yield Result(MAP, work, who, 'Mpixel/s', (millions / seconds,), None, 'no other makes the same map')
    yield Result(MAP, work, f'{who}: in predictions', '% of the time', (100 * predicting / seconds,), None, '')


def parts(args: argparse.Namespace) -> Iterator[Part]:
    """Yield all works in the order of their worth; what is compiled comes last, for a compiler takes minutes."""
    trained = [SMALLEST] if args.toy else TRAINED
    predicted = [SMALLEST] if args.toy else PREDICTED
    for network in trained:
        yield TRAINING, network, partial(training, network, args, compiled=False)
    for network in predicted:
        yield PREDICTION, network, partial(prediction, network, args, compiled=False)
    yield MAP, 'zoo', partial(whole_map, args, level='safe')
    if args.device == 'cpu':
        return  # minutes of a C++ compiler, and nothing of a GPU in them
    for network in predicted:
        yield PREDICTION, f'{network}, compiled', partial(prediction, network, args, compiled=True)
    for network in trained:
        yield TRAINING, f'{network}, compiled', partial(training, network, args, compiled=True)
    yield MAP, 'zoo, compiled', partial(whole_map, args, level='max')


@contextmanager
def ended_at(moment: float) -> Iterator[None]:
    """Raise ``OutOfTime`` in what runs inside when ``time.monotonic()`` gets to ``moment``.

    Raises:
        OutOfTime: it is over.
    """

    def end(number: int, frame: object) -> None:
        raise OutOfTime

    left = moment - time.monotonic()
    if left <= 0:
        raise OutOfTime
    former = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, left)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def measured(part: Part, *, until: float) -> list[Result]:
    """Return the rows of a work, or one that says why there are none: the others go on."""
    name, work, call = part
    try:
        with ended_at(until):
            return list(call())
    except OutOfTime:
        return [not_measured(name, work, OURS, reason='no time was left')]
    except Exception as error:
        lines = str(error).strip().splitlines()
        reason = f'{FAILED}{type(error).__name__}: {lines[0][:200] if lines else "no message"}'
        return [not_measured(name, work, OURS, reason=reason)]
    finally:
        if torch.cuda.is_available():
            torch.compiler.reset()
            torch.cuda.empty_cache()


def goals(results: Sequence[Result]) -> Iterator[Result]:
    """Yield how the best of ours compares with what was aimed at; a goal whose work was not measured is left out."""

    def best(part: str, network: str, *, who: str) -> float | None:
        found = [row for row in results if row.part == part and row.work.split(',')[0].split(' ')[0] == network]
        values = [summary(row.values).median for row in found if row.who.startswith(who) and row.unit.endswith('/s')]
        return max(values, default=None)

    def row(work: str, unit: str, value: float, goal: float) -> Result:
        met = 'reached' if value >= goal else 'not reached'
        return Result(GOALS, f'{work}: at least {goal:g}', OURS, unit, (value,), value / goal, met)

    for network in TRAINED:
        mine = best(TRAINING, network, who=OURS)
        for who, goal in TIMES.items():
            stock = best(TRAINING, network, who=who)
            if mine and stock:
                yield row(f'{network}: training against {who}', 'times', mine / stock, goal)
    for network, goal in MPIXEL.items():
        if mine := best(PREDICTION, network, who=OURS):
            yield row(f'{network}: forward passes', 'Mpixel/s', mine, goal)
    if mine := best(MAP, 'W18-Small-v1', who=OURS):
        yield row('whole map', 'Mpixel/s', mine, WHOLE_MPIXEL)


def where(device: str) -> str:
    """Return what the figures depend on, one line."""
    gpu = ''
    if device == 'cuda':
        properties = torch.cuda.get_device_properties(0)
        gpu = f'{properties.name}, {properties.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}; '
    return f'{gpu}{setting(None)}'


def main(argv: list[str] | None = None) -> int:
    """Measure, print and write after every work, and return whether one failed."""
    line = command_line(__doc__, rounds=3, threads=None)
    line.add_argument('--device', choices=('cuda', 'cpu'), default='cuda', help='(default: %(default)s)')
    line.add_argument('--tests', type=Path, metavar='FILE', help='report of pytest (--junitxml) to put in front')
    line.add_argument('--seconds', type=float, default=300, help='for all together (default: %(default)s)')
    args = line.parse_args(argv)
    until = time.monotonic() + args.seconds
    args.scale = TOY if args.toy else Scale()
    if args.toy:
        args.rounds = 1
    torch.backends.cudnn.benchmark = True  # as configs have it, mmseg's too
    console, place, results = unlimited(), where(args.device), list[Result](tested(args.tests) if args.tests else ())
    for part in parts(args):
        new = measured(part, until=until)
        show(new, console)
        results += new
        aims = list(goals(results)) if args.device == 'cuda' and not args.toy else []
        save([*results, *aims], where=place, json_file=args.json, markdown_file=args.markdown)
    show(aims, console)
    return int(any(FAILED in result.equal for result in results))


if __name__ == '__main__':
    sys.exit(main())
