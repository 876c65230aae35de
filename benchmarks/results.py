"""What a benchmark measured: as a table, as Markdown and as JSON, with the versions and the machine."""

import argparse
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from machine import setting
from rich import box
from rich.console import Console
from rich.status import Status
from rich.table import Table
from turns import ratio, summary

STOCK, OURS = 'mmseg', 'here'
HEADINGS = ('work', 'who', 'median', 'lowest', 'highest', 'unit', 'times as good', 'equal work')
THREADS = min(2, os.cpu_count() or 1)


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
        threads: of the processor that each had; None where it was not said.
    """

    part: str
    work: str
    who: str
    unit: str
    values: tuple[float, ...]
    times_as_good: float | None
    equal: str
    threads: int | None = None


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

    def times_as_good(mine: Sequence[float]) -> float | None:
        given = values.get(reference, ())
        if not given or min(*mine, *given) <= 0:  # a clock or a count that was too coarse
            return None
        return ratio(mine, given, more_is_better=more_is_better)

    return [Result(part, work, who, unit, tuple(mine), times_as_good(mine), equal) for who, mine in values.items()]


def not_measured(part: str, work: str, who: str, *, reason: str) -> Result:
    """Return a row that says why there are no figures."""
    return Result(part, work, who, '', (), None, f'not measured: {reason}')


def tables(results: Sequence[Result]) -> dict[str, list[list[str]]]:
    """Return the rows of text of each part; what a row has in common with the one above is not repeated."""
    rows: dict[str, list[list[str]]] = {}
    last = Result('', '', '', '', (), None, '')
    for result in results:
        figures = [f'{value:.4g}' for value in summary(result.values)] if result.values else ['-'] * 3
        times = '-' if result.times_as_good is None else f'{result.times_as_good:.2f}'
        goes_on = (last.part, last.work, last.unit) == (result.part, result.work, result.unit)
        work = '' if goes_on else result.work
        equal = '' if (last.part, last.equal) == (result.part, result.equal) else result.equal
        threads = f', {result.threads} thread(s)' if result.threads else ''
        rows.setdefault(f'{result.part}{threads}', []).append([work, result.who, *figures, result.unit, times, equal])
        last = result
    return rows


def show(results: Sequence[Result], console: Console) -> None:
    """Print one table a part."""
    for part, rows in tables(results).items():
        table = Table(*HEADINGS, title=part, title_justify='left', box=box.SIMPLE_HEAD)
        for row in rows:
            table.add_row(*row)
        console.print(table)


def to_markdown(results: Sequence[Result], where: str) -> str:
    """Return the tables and what they were measured on."""
    lines = [where, '']
    for part, rows in tables(results).items():
        lines += [f'### {part}', '', f'| {" | ".join(HEADINGS)} |', '|---|---|' + '---:|' * 3 + '---|---:|---|']
        lines += [f'| {" | ".join(cell.replace("|", "/") for cell in row)} |' for row in rows]
        lines.append('')
    return '\n'.join(lines)


def unlimited() -> Console:
    """Return a console that breaks lines late and takes square brackets as they are."""
    return Console(width=150, markup=False, highlight=False)


def under_way(work: str) -> Status:
    """Return what shows, while its block runs, on a terminal only, which work is under way."""
    return Console(stderr=True, markup=False).status(f'{work} ...')


def save(results: Sequence[Result], *, where: str, json_file: Path | None, markdown_file: Path | None) -> None:
    """Write the files that were asked for."""
    from mmseg_aux_hrnet.files.whole import write_whole  # here: a process of mmseg alone must not import this package

    if json_file is not None:
        content = json.dumps({'setting': where, 'results': [asdict(result) for result in results]}, indent=1)
        write_whole(json_file, content.encode())
    if markdown_file is not None:
        write_whole(markdown_file, to_markdown(results, where).encode())


def read(content: dict[str, Any]) -> list[Result]:
    """Return the results of a file that :func:`save` wrote."""
    return [Result(**{**result, 'values': tuple(result['values'])}) for result in content['results']]


def command_line(description: str, *, rounds: int | None, threads: int | None = THREADS) -> argparse.ArgumentParser:
    """Return the options that every benchmark has."""
    line = argparse.ArgumentParser(description=description.splitlines()[0])
    add = line.add_argument
    add('--rounds', type=_count, default=rounds, help=f'measurements of each{_default(rounds)}')
    add('--threads', type=_count, default=threads, help=f'of the processor, for each{_default(threads)}')
    add('--toy', action='store_true', help='smallest sizes, once, one thread: says whether it runs, not how fast')
    add('--peers', type=_folder, metavar='DIR', help='where the packages of the extra "bench" lie, if apart')
    add('--json', type=_file, metavar='FILE', help='write the results here too')
    add('--markdown', type=_file, metavar='FILE', help='write the tables here too')
    return line


def _default(value: int | None) -> str:
    return ' (default: as each benchmark has it)' if value is None else f' (default: {value})'


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text} is no count: give 1 or more')
    return int(text)


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f'{text} is not a folder')
    return Path(text)


def _file(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f'{text} cannot be written: name a file in a folder that is there')
    return path


def run_part(measure: Callable[[Any], Iterable[Result]], args: argparse.Namespace) -> None:
    """Measure as the command line says, print and write."""
    if args.toy:
        args.rounds = args.threads = 1
    where = setting(args.peers)
    results = [replace(result, threads=args.threads) for result in measure(args)]
    console = unlimited()
    console.print(where)
    show(results, console)
    save(results, where=where, json_file=args.json, markdown_file=args.markdown)
