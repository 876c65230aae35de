"""What the tools share: options that several have, one way to run, one bar of progress.

At the top it needs the standard library only, so that ``--help`` answers at once. The name is long because scripts
import it by that alone, beside whatever else is on the path.
"""

import argparse
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

Work = Callable[[argparse.Namespace], str]

SHARED: dict[str, dict[str, Any]] = {
    'checkpoint': {'type': Path, 'help': 'a checkpoint or a work dir (its best checkpoint, else its last)'},
    '--data-root': {'metavar': 'DIR', 'help': 'folder of the data set, for every loader of the config'},
    '--threshold': {
        'metavar': 'T',
        'help': "threshold of the class of interest, or 'argmax' (default: that of the checkpoint)",
    },
    '--speed': {
        'choices': ('off', 'safe', 'max'),
        'default': 'safe',
        'help': 'off computes as mmseg does, max also uses bfloat16 (default: %(default)s; docs/performance.md)',
    },
    '--compile': {'action': 'store_true', 'help': 'compile the network: the start is slow, the rest is faster'},
    '--launcher': {
        'choices': ('none', 'pytorch', 'slurm'),
        'default': 'none',
        'help': 'the program that starts several processes',
    },
    '--tolerance': {
        'default': '2',
        'metavar': 'D',
        'help': 'tolerance of contours in pixels (default: %(default)s), or in metres such as 0.5m',
    },
    '--report': {'metavar': 'DIR', 'help': 'write all figures, a table of the images and the confusion matrix to DIR'},
    '--overwrite': {'action': 'store_true', 'help': 'replace files that exist'},
    '--cfg-options': {
        'nargs': '+',
        'default': [],
        'metavar': 'KEY=VALUE',
        'help': 'change these settings of the config',
    },
}


def add_shared(line: argparse.ArgumentParser, *names: str, **changes: Any) -> None:
    """Add options that several tools have; ``changes`` are what this one says otherwise, such as ``help``."""
    for name in names:
        line.add_argument(name, **{**SHARED[name], **changes})


def raster_path(text: str) -> Path:
    """Return the path of a raster, or its address: a path alone would lose a slash of it, and show its secrets."""
    if '://' not in text and not text.startswith('/vsi'):
        return Path(text)
    try:
        from mmseg_aux_hrnet.files.address import as_path
    except ImportError:  # of which the tool tells when it runs
        return Path(text)
    try:
        return as_path(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(line: argparse.ArgumentParser, work: Work, argv: list[str] | None, *, mixed: bool = False) -> int:
    """Read the command line, do the work, and return the exit code; errors that are known are one line.

    Args:
        line: the command line.
        work: does everything and returns the closing line.
        argv: arguments; those of the process where None.
        mixed: options may stand between the arguments of one list, which argparse else takes as two.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not everybody's screen knows every letter of a name
            stream.reconfigure(errors='replace')
    args = line.parse_intermixed_args(argv) if mixed else line.parse_args(argv)
    try:
        from mmseg_aux_hrnet.run.command import run_tool
    except ImportError as error:  # the stack is missing: its message says what to type
        print(f'error: {error}', file=sys.stderr)
        return 2
    return run_tool(work, args)


def official_form(argv: list[str] | None) -> bool:
    """Say whether a command line is one of the official HRNet code, ``--cfg EXPERIMENT.yaml KEY VALUE...``."""
    words = sys.argv[1:] if argv is None else argv
    given = [words[index + 1 : index + 2] for index, word in enumerate(words) if word == '--cfg']
    given += [[word.removeprefix('--cfg=')] for word in words if word.startswith('--cfg=')]
    return any(value and value[0].lower().endswith(('.yaml', '.yml')) for value in given)


def answer_official(task: Literal['train', 'test'], argv: list[str] | None) -> int:
    """Print the commands that do what an official command line does, and return 2: nothing of it was done."""
    line = argparse.ArgumentParser(prog=task, allow_abbrev=False)
    line.add_argument('--cfg', type=Path)
    line.add_argument('--local_rank', '--local-rank', type=int)  # of torch's launcher
    line.add_argument('settings', nargs='*')

    def answer(args: argparse.Namespace) -> str:
        from mmseg_aux_hrnet.exchange.migration.official_command import our_commands

        commands = our_commands(task, args.cfg, args.settings)
        text = (
            '--cfg is the form of the official HRNet code; nothing was done. The same here, from the repository root:'
        )
        print(text, file=sys.stderr, flush=True)
        return ' && \\\n'.join(commands)

    return run(line, answer, argv, mixed=True) or 2


@contextmanager
def progress(text: str) -> Iterator[Callable[..., None]]:
    """Show a bar on a terminal while the block runs; give a function to call with what is done, and of how much."""
    from rich.console import Console
    from rich.progress import Progress

    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total=None: bar.update(task, completed=done, total=total)


def show(table: Any) -> None:
    """Print a table of rich, with all of its columns."""
    from mmseg_aux_hrnet.run.command import on_screen
    from mmseg_aux_hrnet.screen import print_tables

    with on_screen() as console:
        print_tables(console, table)
