"""Lets a resumed run continue as if it had never stopped."""

import random
from itertools import chain, repeat
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import IterBasedTrainLoop
from mmseg.registry import HOOKS

from mmseg_aux_hrnet.engine.hooks.whole_checkpoint_hook import VALIDATED_KEY, place
from mmseg_aux_hrnet.engine.private_names import base_seed, drop_iterator, is_resuming
from mmseg_aux_hrnet.engine.samplers.seeded_fetch import MODEL, random_words
from mmseg_aux_hrnet.engine.schedule import follow_config
from mmseg_aux_hrnet.errors import ConfigError

# In a checkpoint's notes: the iteration from which the global batch has its size, the samples drawn before, the size.
ORDER_KEY = 'order_since'


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Start the data where the checkpoint stopped, without loading what came before, and seed every iteration.

    With ``ExactInfiniteSampler`` or ``ExactSampler``, everything random in an iteration is a function of the seed and
    of its number, so no generator's state has to be kept in checkpoints. A validation that was due when the
    checkpoint was written, and is not in it, is done first. A schedule that was changed in the config is followed.
    Another number of processes goes on with the same batches where these together are of the same size.
    """

    priority = 'LOWEST'  # starts when all other hooks are ready for a validation

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Follow the schedule of the config.

        Raises:
            ConfigError: the checkpoint is of a run that averaged its weights, and this one does not.
        """
        if not is_resuming(runner):
            return
        # What it calls the model is the mean of many iterations, which the optimizer's state does not belong to.
        if 'ema_state_dict' in checkpoint and not any(isinstance(hook, EMAHook) for hook in runner.hooks):
            raise ConfigError(
                'the run to resume averaged its weights (EMAHook), and this config does not: resume with the config '
                'of that run, or start from its averaged weights with --cfg-options load_from=FILE'
            )
        follow_config(runner, checkpoint)

    def before_train(self, runner: Any) -> None:
        """Enter the data at the right place, and validate where that is still due.

        Raises:
            ConfigError: the run to resume had epochs of another number of batches.
        """
        loop = runner.train_loop
        sampler = loop.dataloader.sampler
        if hasattr(sampler, 'seed'):  # the checkpoint's, where the command line gave none
            sampler.seed = base_seed(runner)
        self._follow_order(runner)
        if loop.iter == 0:
            return
        if isinstance(loop, IterBasedTrainLoop):
            # Newer versions of mmengine skip by the sampler themselves.
            if hasattr(sampler, 'skip') and not hasattr(loop.dataloader_iterator, 'skip_iter'):
                drop_iterator(loop.dataloader)  # its workers started from the first batch
                sampler.skip(loop.iter * loop.dataloader.batch_size)
                # Older ones ask for the batches before ``loop.iter`` and drop them, so these may be anything. The
                # loader starts when they are used up: the sampler has no end, and neither has the chain.
                loop.dataloader_iterator = chain(repeat(None, loop.iter), loop.dataloader)
        elif hasattr(sampler, 'start_at'):
            batches = loop.iter - loop.epoch * len(loop.dataloader)
            sampler.start_at(batches * loop.dataloader.batch_size)
        if _validation_is_due(runner):
            runner.logger.info('the checkpoint was written before its validation, which comes first')
            runner.val_loop.run()

    def _follow_order(self, runner: Any) -> None:
        """Let the data go on where the run was, if its global batch had another size."""
        loop, notes = runner.train_loop, runner.message_hub.runtime_info
        if loop.dataloader.batch_size is None:  # of a sampler of whole batches, which has an order of its own
            return
        size = loop.dataloader.batch_size * get_world_size()
        since, drawn, former = notes.get(ORDER_KEY, (0, 0, size))
        drawn += (loop.iter - since) * former
        runner.message_hub.update_info(ORDER_KEY, (loop.iter, drawn, size))
        if not isinstance(loop, IterBasedTrainLoop) and size != former:
            raise ConfigError(
                f'the run to resume had batches of {former} images over all processes, and this one has {size}, by '
                f'which its epochs have another length: resume with --global-batch {former}'
            )
        if size != former:
            runner.logger.info(f'batches were of {former} images and are of {size} now; {drawn} were seen so far')
        if hasattr(loop.dataloader.sampler, 'shift'):
            loop.dataloader.sampler.shift = drawn - loop.iter * size

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Seed what the model draws in this iteration, such as dropout."""
        words = random_words(base_seed(runner), MODEL, runner.iter, get_rank())
        random.seed(words[0])
        np.random.seed(words[1])
        torch.default_generator.manual_seed(words[2])
        if torch.cuda.is_initialized():  # else torch notes every seed for later, one more in each iteration
            torch.cuda.manual_seed_all(words[3])


def _validation_is_due(runner: Any) -> bool:
    loop, here = runner.train_loop, place(runner)
    if runner.val_loop is None or here < loop.val_begin or here == 0:
        return False
    ends = loop.max_iters if isinstance(loop, IterBasedTrainLoop) else loop.max_epochs
    due = here % loop.val_interval == 0 or here == ends
    # A checkpoint of the same iteration is written before the validation; that of a stop inside of it too.
    return bool(due and runner.message_hub.runtime_info.get(VALIDATED_KEY) != here)
