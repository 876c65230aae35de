"""Runs the benchmarks one after the other, each in a process of its own, and puts what they measured together.

Usage: python benchmarks/bench.py [PART...] [--networks NAME...] [--rounds N] [--threads N] [--toy] [--json FILE]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from machine import setting
from results import Result, command_line, not_measured, read, save, show, unlimited
from rich.console import Console
from turns import HERE, surroundings

PARTS = (
    'input_pipeline', 'training_step', 'training_run', 'prediction', 'multi_scale', 'metric', 'threshold',
    'import_time', 'memory',
)  # fmt: skip
COMMON = ('rounds', 'threads', 'peers')
WITH_NETWORKS = ('training_step', 'training_run', 'prediction', 'multi_scale', 'memory')


def run(part: str, folder: Path, args: argparse.Namespace) -> list[Result]:
    """Run a benchmark and return its results; that it failed, with its last line, where it did."""
    file = folder / f'{part}.json'
    given = {name: getattr(args, name) for name in COMMON}
    words = [f'--{name}={value}' for name, value in given.items() if value is not None]
    if args.networks and part in WITH_NETWORKS:
        words += ['--networks', *args.networks]
    command = [sys.executable, str(HERE / f'{part}.py'), f'--json={file}', *words, *(['--toy'] if args.toy else [])]
    done = subprocess.run(command, capture_output=True, encoding='utf-8', errors='replace', env=surroundings())
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        return [not_measured(part, 'all', '-', reason=f'failed: {lines[-1] if lines else "no message"}')]
    return read(json.loads(file.read_text(encoding='utf-8')))


def run_all(parts: Iterable[str], args: argparse.Namespace, *, where: str, console: Console) -> list[Result]:
    """Run the benchmarks, print the results of each as soon as they are there, and write all that there are so far."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            with console.status(f'{part} ...'):
                new = run(part, Path(folder), args)
            show(new, console)
            results += new
            save(results, where=where, json_file=args.json, markdown_file=args.markdown)
    return results


def main(argv: list[str] | None = None) -> int:
    """Run what the command line names and return whether a benchmark failed."""
    line = command_line(__doc__, rounds=None, threads=None)
    line.add_argument('parts', nargs='*', metavar='PART', help=f'default: all of {", ".join(PARTS)}')
    line.add_argument('--networks', nargs='+', metavar='NAME', help=f'of {", ".join(WITH_NETWORKS)}; after the parts')
    args = line.parse_args(argv)
    unknown = [part for part in args.parts if part not in PARTS]
    if unknown:
        line.error(f'{unknown[0]} is no part: choose of {", ".join(PARTS)}')
    console = unlimited()
    where = setting(args.peers)
    console.print(where)
    results = run_all(args.parts or PARTS, args, where=where, console=console)
    failed = [result.part for result in results if result.equal.startswith('not measured: failed')]
    if failed:
        console.print(f'failed: {", ".join(failed)}')
    return bool(failed)


if __name__ == '__main__':
    sys.exit(main())
