"""Times imports and the help of the training tool, each in a fresh process, by the CPU time that they take.

Usage: python benchmarks/import_time.py [--rounds N] [--toy]
"""

import argparse
import importlib.util
from collections.abc import Iterable
from pathlib import Path

from libraries import missing
from results import OURS, STOCK, Result, command_line, compared, not_measured, run_part
from turns import HERE, fresh_in_turns, peak_memory

PART = 'import time'
# What registers every class, so that any config can be built.
STATEMENTS = {
    STOCK: 'from mmseg.utils import register_all_modules; register_all_modules()',
    OURS: 'import mmseg_aux_hrnet',
    'timm': 'from libraries import add_peers; add_peers({peers}); import timm',
    'segmentation-models-pytorch': 'from libraries import add_peers; add_peers({peers}); '
    'import segmentation_models_pytorch',
}
NEEDED = {'timm': 'timm', 'segmentation-models-pytorch': 'segmentation_models_pytorch'}
TIMED = """
import contextlib, io, json, time, warnings
warnings.simplefilter('ignore')
from turns import peak_memory
start = time.process_time()
with contextlib.redirect_stdout(io.StringIO()):
    {statement}
print(json.dumps({{'s': time.process_time() - start, 'mb': peak_memory()}}))
"""
HELP = """
import json, runpy, sys
sys.argv = [{tool!r}, '--help']
try:
    runpy.run_path({tool!r}, run_name='__main__')
except SystemExit:
    print(json.dumps({{}}))
"""


def measure(args: argparse.Namespace) -> Iterable[Result]:
    """Yield the time and memory of imports, then the time of the help."""
    reasons = {who: missing(module, args.peers) for who, module in NEEDED.items()}
    there = {who: text for who, text in STATEMENTS.items() if not reasons.get(who)}
    folder = args.peers and str(args.peers.resolve())
    words = {who: ['-c', TIMED.format(statement=text.format(peers=repr(folder)))] for who, text in there.items()}
    answers = fresh_in_turns(words, rounds=args.rounds, threads=args.threads)
    equal = 'all classes registered, in mmseg too; other libraries: other work'
    for unit, key in (('CPU s', 's'), ('MB', 'mb')):
        work = {'s': 'import', 'mb': 'peak memory after it'}[key]
        values = {who: [answer[key] for answer in record] for who, record in answers.items()}
        if key != 'mb' or peak_memory() is not None:
            yield from compared(PART, work, values, unit=unit, equal=equal)
    yield from (not_measured(PART, 'import', who, reason=reason) for who, reason in reasons.items() if reason)
    yield from _help(args)


def _help(args: argparse.Namespace) -> Iterable[Result]:
    tools = {STOCK: _stock_tool(), OURS: HERE.parent / 'tools' / 'train.py'}
    words = {who: ['-c', HELP.format(tool=str(tool))] for who, tool in tools.items() if tool and tool.is_file()}
    answers = fresh_in_turns(words, rounds=args.rounds, threads=args.threads)
    values = {who: [answer['cpu_s'] for answer in record] for who, record in answers.items()}
    yield from compared(PART, 'train.py --help', values, unit='CPU s', equal='whole process')


def _stock_tool() -> Path | None:
    """Return mmseg's train.py, where the distribution holds it."""
    [folder] = importlib.util.find_spec('mmseg').submodule_search_locations  # type: ignore[union-attr, misc]
    path = Path(folder, '.mim/tools/train.py')
    return path if path.is_file() else None


def main() -> None:
    """Measure and print."""
    run_part(measure, command_line(__doc__, rounds=5).parse_args())


if __name__ == '__main__':
    main()
