"""The training loop: mmengine's runner, which figure chooses the best checkpoint, and what a failure means."""

import errno
import re
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_world_size
from mmengine.hooks import CheckpointHook
from torch import nn

from mmseg_aux_hrnet.engine import private_names
from mmseg_aux_hrnet.engine.hooks import InterruptHook, TrackHook
from mmseg_aux_hrnet.errors import AuxHRNetError, ConfigError, ResourceError, counted


def is_worker_loss(error: BaseException) -> bool:
    """Say whether a data loader's worker went away."""
    return re.search(r'DataLoader worker \(pid.*(killed by signal|exited unexpectedly)', str(error)) is not None


def explain(error: BaseException) -> AuxHRNetError | None:
    """Say in one line which resource ran out, or None if the error is of another kind."""
    text = f'{error} {error.__cause__ or ""}'.strip()  # the cause tells the signal that ended a worker
    if 'Expected more than 1 value per channel' in text:  # of a network that check_batches does not see through
        return ConfigError('a batch of one image is too small for its batch norm: use train_dataloader.batch_size=2')
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, getattr(errno, 'EDQUOT', None))
        return ResourceError(f'no space left to write {error.filename or "a file"}: make room') if full else None
    if 'shared memory' in text or 'Bus error' in text:
        return ResourceError(
            'a data loader worker ran out of shared memory: enlarge /dev/shm (docker run --shm-size), or load without '
            'workers: --cfg-options train_dataloader.num_workers=0'
        )
    if is_worker_loss(error):
        killed_by = re.search(r'killed by signal: ([\w ]+)', text)
        way = f'signal {killed_by.group(1).strip()}' if killed_by else 'exited unexpectedly'
        return ResourceError(
            f'a data loader worker was killed ({way}), most likely because memory ran out: use '
            'fewer workers or smaller batches, such as --cfg-options train_dataloader.num_workers=1'
        )
    if isinstance(error, MemoryError) or re.search('out of memory|allocate memory|not enough memory', text):
        return ResourceError(
            f'memory ran out ({text.splitlines()[0][:150] if text else "MemoryError"}): use smaller crops or batches, '
            'such as --cfg-options train_dataloader.batch_size=2; one image is too few for PSPNet and DeepLabV3+'
        )
    return None


def check_batches(runner: Any) -> None:
    """Raise where batch norm behind a pooling of the whole image would get a batch of one image, which is one value.

    Raises:
        ConfigError: says how to have more images in a batch.
    """
    pooled = next((name for name, part in runner.model.named_modules() if _normalises_pooled(part)), None)
    loader = runner.train_dataloader if pooled is not None else None
    if loader is None or loader.batch_size is None:
        return
    left = 0 if loader.drop_last or isinstance(loader.sampler, InfiniteSampler) else len(loader.sampler)
    if loader.batch_size == 1 or left % loader.batch_size == 1:
        options = 'train_dataloader.batch_size=2' if loader.batch_size == 1 else 'train_dataloader.drop_last=True'
        which = (
            'each batch'
            if loader.batch_size == 1
            else f'the last batch of {counted(left, "image")} by {loader.batch_size}'
        )
        raise ConfigError(
            f'{which} has one image, and batch norm in {pooled} needs two: it sees each image as a single pixel; '
            f'give --cfg-options {options}, and smaller crops where memory is short'
        )


def _normalises_pooled(part: nn.Module) -> bool:
    """Say whether a module pools whole images to a pixel and normalises that over the batch of one process."""
    if not isinstance(part, nn.Sequential) or not len(part) or not isinstance(part[0], nn.AdaptiveAvgPool2d):
        return False
    # Norms that are computed over several processes see the images of all.
    alone = (nn.BatchNorm2d, nn.SyncBatchNorm) if get_world_size() == 1 else nn.BatchNorm2d
    return part[0].output_size in (1, (1, 1)) and any(isinstance(inner, alone) for inner in part.modules())


def train_runner(runner: Any) -> None:
    """Train with mmengine's runner.

    Raises:
        TrainingInterrupted: a signal came; a checkpoint is saved.
        ResourceError: memory or disk space ran out.
        AuxHRNetError: anything else that is known to go wrong.
    """
    interrupts = [hook for hook in runner.hooks if isinstance(hook, InterruptHook)]
    trackers: list[Any] = [hook for hook in runner.hooks if isinstance(hook, TrackHook)]
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook):
            runner.logger.info(best_rule(hook))
    try:
        runner.train()
    except AuxHRNetError:
        raise
    except (RuntimeError, ValueError, MemoryError, OSError) as error:
        for hook in interrupts:
            if hook.received is not None and is_worker_loss(error):
                hook.stop(runner, done=runner.iter)  # no step was under way: the loss shows when data are waited for
        explained = explain(error)
        if explained is None:
            raise
        raise explained from error
    finally:
        for closing in (*interrupts, *trackers):
            closing.release()
        private_names.end_workers(runner)


def best_rule(hook: CheckpointHook) -> str:
    """Say which figure of the validation chooses the best checkpoint."""
    if not hook.save_best:
        return 'no best checkpoint is kept: name a figure with --cfg-options default_hooks.checkpoint.save_best=mIoU'
    if hook.key_indicators == ['auto']:
        return 'the best checkpoint is chosen by the first figure that validation gives (save_best is auto)'
    figures = (f'{key}, {rule} is better' for key, rule in zip(hook.key_indicators, hook.rules, strict=True))
    return f'the best checkpoint is chosen by {"; by ".join(figures)}'
