"""What a benchmark measured: as a table, as Markdown and as JSON, with the versions and the machine."""

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from turns import ratio, summary

from mmseg_aux_hrnet.whole_files import write_whole

STOCK, OURS = 'mmseg', 'here'
HEADINGS = ('work', 'who', 'median', 'lowest', 'highest', 'unit', 'times as good', 'equal work')
PACKAGES = (
    'torch', 'onedl-mmsegmentation', 'mmsegmentation', 'onedl-mmengine', 'mmengine', 'onedl-mmcv', 'mmcv', 'numpy',
    'opencv-python', 'opencv-python-headless', 'timm', 'segmentation-models-pytorch', 'onnxruntime', 'openvino',
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What one contender took for one work.

    Attributes:
        part: the benchmark.
        work: what was done.
        who: by whom.
        unit: of the values.
        values: one of every round; none where it could not be measured, and ``equal`` says why.
        times_as_good: how many times better than the reference, the median over the rounds; None for want of one.
        equal: how it was made sure that the contenders did the same.
    """

    part: str
    work: str
    who: str
    unit: str
    values: tuple[float, ...]
    times_as_good: float | None
    equal: str


def compared(
    part: str,
    work: str,
    values: Mapping[str, Sequence[float]],
    *,
    unit: str,
    equal: str,
    reference: str = STOCK,
    more_is_better: bool = False,
) -> list[Result]:
    """Return the results of contenders that took turns, each with its ratio to the reference."""
    return [
        Result(
            part,
            work,
            who,
            unit,
            tuple(mine),
            ratio(mine, values[reference], more_is_better=more_is_better) if reference in values else None,
            equal,
        )
        for who, mine in values.items()
    ]


def not_measured(part: str, work: str, who: str, *, reason: str) -> Result:
    """Return a row that says why there are no figures."""
    return Result(part, work, who, '', (), None, f'not measured: {reason}')


def cells(result: Result) -> list[str]:
    """Return a row of the table."""
    figures = [f'{value:.4g}' for value in summary(result.values)] if result.values else ['-'] * 3
    times = '-' if result.times_as_good is None else f'{result.times_as_good:.2f}'
    return [result.work, result.who, *figures, result.unit, times, result.equal]


def show(results: Sequence[Result], console: Console) -> None:
    """Print one table a part."""
    for part in dict.fromkeys(result.part for result in results):
        table = Table(*HEADINGS, title=part, title_justify='left', box=box.SIMPLE_HEAD)
        for result in results:
            if result.part == part:
                table.add_row(*cells(result))
        console.print(table)


def to_markdown(results: Sequence[Result], setting: str) -> str:
    """Return the tables and what they were measured on."""
    lines = [setting, '']
    for part in dict.fromkeys(result.part for result in results):
        lines += [f'### {part}', '', f'| {" | ".join(HEADINGS)} |', '|---|---|' + '---:|' * 3 + '---|---:|---|']
        lines += [f'| {" | ".join(cells(result))} |' for result in results if result.part == part]
        lines.append('')
    return '\n'.join(lines)


def setting(threads: int) -> str:
    """Return the machine, the versions and how many threads were used, one line."""
    versions = ', '.join(f'{name} {number}' for name in PACKAGES if (number := _version(name)))
    load = f', load at the start {os.getloadavg()[0]:.1f}' if hasattr(os, 'getloadavg') else ''
    return (
        f'{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, '
        f'Python {platform.python_version()}, {versions}; {threads} thread(s){load}'
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        lines = []
    names = (line.partition(':')[2].strip() for line in lines if line.startswith('model name'))
    return next(names, '') or platform.processor() or platform.machine()


def save(results: Sequence[Result], *, where: str, json_file: Path | None, markdown_file: Path | None) -> None:
    """Write the files that were asked for."""
    if json_file is not None:
        content = json.dumps({'setting': where, 'results': [asdict(result) for result in results]}, indent=1)
        write_whole(json_file, content.encode())
    if markdown_file is not None:
        write_whole(markdown_file, to_markdown(results, where).encode())


def command_line(description: str, *, rounds: int) -> argparse.ArgumentParser:
    """Return the options that every benchmark has."""
    line = argparse.ArgumentParser(description=description.splitlines()[0])
    line.add_argument('--rounds', type=int, default=rounds, help='measurements of each (default: %(default)s)')
    line.add_argument('--threads', type=int, default=min(2, os.cpu_count() or 1), help='default: %(default)s')
    line.add_argument('--toy', action='store_true', help='smallest sizes, once: says whether it runs, not how fast')
    line.add_argument('--peers', type=Path, metavar='DIR', help='where the packages of the extra "bench" lie, if apart')
    line.add_argument('--json', type=Path, metavar='FILE', help='write the results here too')
    line.add_argument('--markdown', type=Path, metavar='FILE', help='write the tables here too')
    return line


def run_part(measure: Callable[[Any], Iterable[Result]], args: argparse.Namespace) -> None:
    """Measure as the command line says, print and write."""
    if args.toy:
        args.rounds = 1
    where = setting(args.threads)
    results = list(measure(args))
    console = Console(width=150, markup=False)
    console.print(where)
    show(results, console)
    save(results, where=where, json_file=args.json, markdown_file=args.markdown)
