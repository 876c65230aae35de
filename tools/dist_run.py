"""Run a tool in several processes: python tools/dist_run.py PROCESSES tools/train.py CONFIG ...; torchrun does it."""

import argparse
import logging
import os
import signal
import socket
import sys


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Run a tool in several processes: one for each GPU, or several that share the CPU.',
        epilog='Several machines: run it on each. Set NNODES, NODE_RANK (0, 1, ...), MASTER_ADDR (the machine of '
        'NODE_RANK 0) and, if port 29500 is taken, PORT in the environment. With MAX_RESTARTS=3 all processes start '
        'again, up to three times, when one is lost; with --resume they continue from the last checkpoint.',
    )
    line.add_argument('processes', type=int, help='number of processes on this machine')
    line.add_argument('script', help='tools/train.py or tools/test.py')
    line.add_argument('args', nargs=argparse.REMAINDER, help='arguments of the script')
    return line


def rendezvous() -> list[str]:
    """Return the arguments that let torchrun's processes find each other."""
    nodes, rank = os.environ.get('NNODES', '1'), os.environ.get('NODE_RANK', '0')
    if nodes == '1' and 'PORT' not in os.environ:
        return ['--standalone']  # on a free port
    address, port = os.environ.get('MASTER_ADDR', '127.0.0.1'), os.environ.get('PORT', '29500')
    if rank == '0':
        try:
            socket.create_server(('', int(port))).close()
        except (OSError, OverflowError, ValueError) as error:
            raise ValueError(f'port {port} cannot be used ({error}): set PORT to a free one') from error
    return [f'--nnodes={nodes}', f'--node-rank={rank}', f'--master-addr={address}', f'--master-port={port}']


def restarts(args: list[str]) -> list[str]:
    """Return the arguments by which torchrun starts its processes again when one is lost."""
    most, nodes = os.environ.get('MAX_RESTARTS', '0'), os.environ.get('NNODES', '1')
    if not most.isdecimal():
        raise ValueError(f'MAX_RESTARTS={most} is not a count: give 0 or more')
    if int(most) and nodes != '1':
        raise ValueError(
            f'MAX_RESTARTS={most} with NNODES={nodes}: machines that start again need a place to meet, so start with '
            'torchrun --rdzv-backend=c10d, see docs/distributed.md'
        )
    if int(most) and '--resume' not in args:
        raise ValueError(f'MAX_RESTARTS={most} without --resume: a restart would begin from the start; add --resume')
    return [f'--max-restarts={most}'] if int(most) else []


def run(arguments: list[str]) -> int:
    """Run torchrun and return the exit code of the process that ended first."""
    from torch.distributed import DistError
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    def pass_on(number: int, frame: object) -> None:
        raise SignalException('', signal.Signals(number))

    if hasattr(signal, 'SIGUSR1'):  # torchrun would die of it, and its processes would train on without it
        signal.signal(signal.SIGUSR1, pass_on)
    logging.getLogger('torch.distributed').setLevel(logging.CRITICAL)  # the processes speak for themselves
    try:
        torchrun.run(torchrun.parse_args(arguments))
    except ChildFailedError as error:
        return report({rank: failure.exitcode for rank, failure in error.failures.items()})
    except SignalException as error:
        return 128 + error.sigval
    except DistError as error:
        raise ValueError(f'the machines cannot meet ({error}): see NNODES, NODE_RANK, MASTER_ADDR and PORT') from error
    return 0


def report(codes: dict[int, int]) -> int:
    """Say which process was killed, if one was, and return an exit code; one that failed has said why itself."""
    signals = {rank: -code for rank, code in codes.items() if code < 0}
    cause = (item for item in signals.items() if item[1] != signal.SIGTERM)  # torchrun ends the others with it
    rank, number = next(cause, (None, signal.SIGTERM))
    if rank is None:
        return max(codes.values()) if len(signals) < len(codes) else 128 + number
    reason = ', mostly because memory ran out or because it hung' if number == 9 else ''
    print(f'error: process {rank} was killed by signal {number}{reason}; the others were stopped', file=sys.stderr)
    return 128 + number


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    args = parser().parse_args(argv)
    try:
        options = [*rendezvous(), *restarts(args.args), f'--nproc-per-node={args.processes}']
        return run([*options, args.script, *args.args, '--launcher=pytorch'])
    except ValueError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2


if __name__ == '__main__':
    sys.exit(main())
