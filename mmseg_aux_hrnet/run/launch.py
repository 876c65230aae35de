"""How several processes that train, test or predict together meet, and what a config needs for them."""

import os
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from torch import distributed as torch_dist
from torch.distributed.rendezvous import rendezvous

from mmseg_aux_hrnet.errors import LaunchError, one_line

VARIABLES = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')
CPU_WRAPPER = 'mmseg.CPUDataParallel'  # the scope is needed: the runner looks it up in mmengine's registry
TIMEOUT = 1800  # seconds; torch's own for gloo
PREDICTION_TIMEOUT = 30 * 24 * 3600  # seconds; a process that is done waits for the last one of a large job


def join_processes(config: Config, launcher: str) -> None:
    """Join this process with those that were started together with it, and fit the config to their number and devices.

    mmengine would do the former, but not without a GPU. With GPUs, batch norm takes its statistics over all processes
    (SyncBN); without, every process normalises by its own images, because SyncBN needs GPUs.

    Args:
        config: changed in place; ``env_cfg.dist_cfg.timeout`` says after how many seconds a silent process counts as
            dead.
        launcher: ``none`` for one process, ``pytorch`` below torchrun, ``slurm`` below srun.

    Raises:
        LaunchError: the processes were started in another way, or cannot meet.
    """
    config.launcher = launcher
    if launcher == 'none':
        if 'TORCHELASTIC_RUN_ID' in os.environ and int(os.environ['WORLD_SIZE']) > 1:
            raise LaunchError(f'torchrun started {os.environ["WORLD_SIZE"]} processes: add --launcher pytorch')
        return
    if launcher == 'slurm':
        os.environ.update(slurm_variables(os.environ, gpus=torch.cuda.device_count()))
    missing = [name for name in VARIABLES if name not in os.environ]
    if missing:
        raise LaunchError(
            f'--launcher {launcher} without {", ".join(missing)} in the environment: start with tools/dist_train.sh, '
            'tools/dist_test.sh or torchrun'
        )
    for threads in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'):  # mmengine would set them too, and warn of it
        os.environ.setdefault(threads, '1')
    device = get_device()
    if device in ('cpu', 'cuda'):  # others have backends of their own, which mmengine knows
        _meet(config.get('env_cfg', {}).get('dist_cfg', {}), device)
    if device == 'cpu':
        config.sync_bn = None
        config.model_wrapper_cfg = {
            'type': CPU_WRAPPER,
            'find_unused_parameters': config.get('find_unused_parameters', False),
        }
        config.custom_hooks = [*config.get('custom_hooks', []), {'type': 'SharedStatisticsHook'}]
    elif int(os.environ['WORLD_SIZE']) > 1:
        config.sync_bn = config.get('sync_bn') or 'torch'
    _see_each_image_once(config)


def join_predictors() -> None:
    """Join this process with those that torchrun started together with it to predict; a lone one is left alone.

    They send each other a few words at the beginning and at the end, so any device will do, and between these any time.

    Raises:
        LaunchError: they cannot meet.
    """
    if int(os.environ.get('WORLD_SIZE', '1')) > 1 and 'TORCHELASTIC_RUN_ID' in os.environ:
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ['LOCAL_RANK']) % torch.cuda.device_count())
        _join('gloo', PREDICTION_TIMEOUT)


def starts() -> tuple[int, int]:
    """Return which start of this run by torchrun this is, from 1 up, and how many there may be (``--max-restarts``)."""
    done, most = (int(os.environ.get(f'TORCHELASTIC_{name}', '0')) for name in ('RESTART_COUNT', 'MAX_RESTARTS'))
    return done + 1, most + 1


def check_starts(resume: str | None) -> None:
    """Raise where torchrun may start a training again and it would then not go on where it was.

    Args:
        resume: the checkpoint to go on from, ``auto`` for the last one, None for none.

    Raises:
        LaunchError: says what to change.
    """
    most = starts()[1] - 1
    if most and resume != 'auto':
        given = 'without --resume' if resume is None else f'with --resume {resume}'
        raise LaunchError(
            f'torchrun --max-restarts {most} {given}: a restart would not continue where the run was; '
            'give --resume without a file, which starts from the beginning where there is no checkpoint yet'
        )


def slurm_variables(environ: Mapping[str, str], *, gpus: int) -> dict[str, str]:
    """Return what torchrun would set, from the variables that srun sets.

    The port follows from the job's number, so that two jobs on one machine keep apart.

    Args:
        environ: variables of this task; MASTER_ADDR and MASTER_PORT are kept where they are set.
        gpus: number of GPUs that this task sees.

    Raises:
        LaunchError: srun did not start this process, or its first machine is unknown.
    """
    try:
        rank, size, local = (environ[f'SLURM_{name}'] for name in ('PROCID', 'NTASKS', 'LOCALID'))
        port = 20000 + int(environ['SLURM_JOB_ID']) % 10000
        hosts, address = environ['SLURM_JOB_NODELIST'], environ.get('MASTER_ADDR')
    except KeyError as error:
        raise LaunchError(f'--launcher slurm without {error.args[0]} in the environment: start with srun') from error
    if not address:  # srun says the machines in short, such as node[01-04], which only Slurm itself can read
        try:
            names = subprocess.run(['scontrol', 'show', 'hostnames', hosts], capture_output=True, text=True, check=True)
            address = names.stdout.split()[0]
        except (OSError, subprocess.CalledProcessError, IndexError) as error:
            raise LaunchError(f'scontrol cannot say which machine is the first of {hosts}: set MASTER_ADDR') from error
    return {
        'RANK': rank,
        'WORLD_SIZE': size,
        'LOCAL_RANK': '0' if gpus == 1 else local,  # --gpus-per-task=1 shows each task its own GPU as number 0
        'MASTER_ADDR': address,
        'MASTER_PORT': environ.get('MASTER_PORT', str(port)),
    }


def _meet(dist_cfg: Mapping[str, Any], device: str) -> None:
    local, visible = int(os.environ['LOCAL_RANK']), torch.cuda.device_count()
    if device == 'cuda' and local >= visible:
        raise LaunchError(f'process {local} of this machine has no GPU: start at most {visible} here')
    if device == 'cuda':
        torch.cuda.set_device(local)
    _join('gloo' if device == 'cpu' else dist_cfg.get('backend', 'nccl'), dist_cfg.get('timeout') or TIMEOUT)


def _join(backend: str, timeout: int) -> None:
    try:
        # What processes of an earlier start left in the store of torchrun, such as their addresses, must not be found.
        store, rank, size = next(rendezvous('env://', timeout=timedelta(seconds=timeout)))
        if os.environ.get('GROUP_WORLD_SIZE', '1') == '1':  # several machines count their starts apart
            store = torch_dist.PrefixStore(f'start_{starts()[0]}', store)  # type: ignore[attr-defined]  # it is public
        given = {'store': store, 'rank': rank, 'world_size': size}
        torch_dist.init_process_group(backend, timeout=timedelta(seconds=timeout), **given)
    except (RuntimeError, ValueError) as error:
        place = f'{os.environ["MASTER_ADDR"]}:{os.environ["MASTER_PORT"]}'
        if 'EADDRINUSE' in str(error):
            raise LaunchError(f'port {place} is taken by another program: set MASTER_PORT to a free one') from error
        raise LaunchError(f'the processes cannot meet at {place} ({one_line(error)}): see MASTER_ADDR') from error


def _see_each_image_once(config: Config) -> None:
    """Keep mmengine from filling up the shares of the processes: two would write the predictions of one image."""
    for name in ('val_dataloader', 'test_dataloader'):
        loader = config.get(name)
        if loader is not None and loader.get('sampler', {}).get('type') == 'DefaultSampler':
            loader.sampler.round_up = False
