"""Trains, and says in one line what ended training from outside."""

import errno
import re
from typing import Any

from mmengine.hooks import CheckpointHook

from mmseg_aux_hrnet.engine.hooks.interrupt_hook import InterruptHook
from mmseg_aux_hrnet.errors import AuxHRNetError, ResourceError


def train(runner: Any) -> None:
    """Train with mmengine's runner.

    Raises:
        TrainingInterrupted: a signal came; a checkpoint is saved.
        ResourceError: memory or disk space ran out.
        AuxHRNetError: anything else that is known to go wrong.
    """
    interrupts = [hook for hook in runner.hooks if isinstance(hook, InterruptHook)]
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook):
            runner.logger.info(best_rule(hook))
    try:
        runner.train()
    except AuxHRNetError:
        raise
    except (RuntimeError, MemoryError, OSError) as error:
        for hook in interrupts:
            if hook.received is not None and is_worker_loss(error):
                hook.stop(runner, done=runner.iter)  # no step was under way: the loss shows when data are waited for
        explained = explain(error)
        if explained is None:
            raise
        raise explained from error
    finally:
        for hook in interrupts:
            hook.release()
        for loop in (runner._train_loop, runner._val_loop):
            end_workers(getattr(loop, 'dataloader', None))


def best_rule(hook: CheckpointHook) -> str:
    """Say by which figure of validation the best checkpoint is chosen."""
    if not hook.save_best:
        return 'no best checkpoint is kept: name a figure with --cfg-options default_hooks.checkpoint.save_best=mIoU'
    if hook.key_indicators == ['auto']:
        return 'the best checkpoint is chosen by the first figure that validation gives (save_best is auto)'
    figures = (f'{key}, {rule} is better' for key, rule in zip(hook.key_indicators, hook.rules, strict=True))
    return f'the best checkpoint is chosen by {"; by ".join(figures)}'


def end_workers(dataloader: Any) -> None:
    """End the workers that wait for the next epoch; torch waits five seconds for each when they are left to it."""
    batches = getattr(dataloader, '_iterator', None)
    if batches is not None and hasattr(batches, '_shutdown_workers'):
        batches._shutdown_workers()


def is_worker_loss(error: BaseException) -> bool:
    """Say whether a data loader's worker went away."""
    return re.search(r'DataLoader worker \(pid.*(killed by signal|exited unexpectedly)', str(error)) is not None


def explain(error: BaseException) -> ResourceError | None:
    """Say in one line which resource ran out, or None if the error is of another kind."""
    text = f'{error} {error.__cause__ or ""}'.strip()  # the cause tells the signal that ended a worker
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, getattr(errno, 'EDQUOT', None))
        return ResourceError(f'no space left to write {error.filename or "a file"}: make room') if full else None
    if 'shared memory' in text or 'Bus error' in text:
        return ResourceError(
            'a data loader worker ran out of shared memory: enlarge /dev/shm (docker run --shm-size), or load without '
            'workers: --cfg-options train_dataloader.num_workers=0'
        )
    if is_worker_loss(error):
        return ResourceError(
            f'a data loader worker was ended from outside ({_way(text)}), most likely because memory ran out: use '
            'fewer workers or smaller batches, such as --cfg-options train_dataloader.num_workers=1'
        )
    if isinstance(error, MemoryError) or re.search('out of memory|allocate memory|not enough memory', text):
        return ResourceError(
            f'memory ran out ({text.splitlines()[0][:150] if text else "MemoryError"}): use smaller batches or crops, '
            'such as --cfg-options train_dataloader.batch_size=1'
        )
    return None


def _way(text: str) -> str:
    signal_name = re.search(r'killed by signal: ([\w ]+)', text)
    return f'signal {signal_name.group(1).strip()}' if signal_name else 'exited unexpectedly'
