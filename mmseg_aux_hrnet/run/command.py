"""Runs the work of a command and says once how it ended, also with several processes."""

import gc
import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mmengine.dist import barrier, get_dist_info, get_world_size, is_distributed, is_main_process
from rich.console import Console
from torch import distributed as torch_dist

from mmseg_aux_hrnet.engine import private_names
from mmseg_aux_hrnet.errors import AuxHRNetError, one_line
from mmseg_aux_hrnet.run.launch import starts


def run_tool(work: Callable[[Namespace], str], args: Namespace) -> int:
    """Do the work of a command, print its closing line or its error, and return the exit code.

    Args:
        work: does everything and returns the closing line.
        args: the command line.
    """
    try:
        closing_line = work(args)
        barrier()  # no process leaves while another still needs it
    except AuxHRNetError as error:
        message, code = one_line(error), error.exit_code
        _count('refusals', add=1)  # so that a process that loses this one keeps silent
        if _count(message, add=1) == 1:  # all processes may stop for the same reason: one of them says it
            _print_error(message)
    except RuntimeError as error:
        # Gloo's errors have no class of their own.
        if not is_distributed() or not (isinstance(error, torch_dist.DistError) or 'gloo' in str(error)):
            raise
        _print_loss(error)
        code = 2
    else:
        if is_main_process():
            with on_screen():
                print(closing_line, flush=True)
        if is_distributed():
            gc.collect()  # a model that is still there keeps gloo's threads, which can abort the interpreter as it ends
            torch_dist.destroy_process_group()
        return 0
    if get_world_size() > 1:
        # The usual way out waits for exchanges with a lost process, until their timeout.
        sys.stdout.flush()
        os._exit(code)
    return code


@contextmanager
def on_screen() -> Iterator[Console]:
    """Give a console to print on; if the screen fails, such as a closed pipe, the work goes on."""
    try:
        yield Console()
    except (OSError, SystemExit):  # rich ends the program for a pipe
        try:
            sys.stdout.flush()
        except OSError:  # what is left in it would fail once more as the program ends, and change the exit code
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_loss(error: RuntimeError) -> None:
    """Print that this process hears no more of another, unless the other has said why it stopped."""
    if not _count('refusals', add=0) and _count('losses', add=1) == 1:
        rank, size = get_dist_info()
        reason = re.sub(r'\[\S+:\d+\] ', '', one_line(error)).split('. ')[0]  # the place in the source, and advice
        start, most = starts()
        advice = (
            'continue from the last checkpoint with --resume'
            if start == most
            else 'torchrun starts all processes again'
        )
        _print_error(
            f'process {rank} of {size} lost another process ({reason}): if no other message says why, that one was '
            f'killed, mostly because memory ran out, or it hung; {advice}'
        )


def _print_error(message: str) -> None:
    with on_screen():
        # In one write: unbuffered, as torchrun starts Python, print() makes two of it, and lines of processes mingle.
        sys.stderr.write(f'error: {message}\n')
        sys.stderr.flush()


def _count(what: str, *, add: int) -> int:
    """Count in the memory that the processes share, and return how often all of them together have counted this.

    Processes that have not met fail alike: only the first of each machine counts.
    """
    if is_distributed():
        try:
            return int(private_names.process_store().add(f'mmseg_aux_hrnet/{what}', add))
        except RuntimeError:  # the process that kept the memory is gone
            return add
    return add if os.environ.get('LOCAL_RANK', '0') == '0' else 0
