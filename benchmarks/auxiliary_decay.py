"""A hook that recipe.py trains with: the weight of the auxiliary decoders falls to zero over the training."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmseg.registry import HOOKS


@HOOKS.register_module()
class AuxiliaryDecayHook(Hook):
    """Multiplies the weights of the losses of auxiliary decoders by the share of the training that is left."""

    def before_train(self, runner: Any) -> None:
        """Keep the weights of the config."""
        network = runner.model.module if is_model_wrapper(runner.model) else runner.model
        losses = [loss for head in network.auxiliary_head for loss in head.loss_decode]
        self._losses = [(loss, loss.loss_weight) for loss in losses]

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Set the weights of this iteration."""
        for loss, weight in self._losses:
            loss.loss_weight = weight * (1 - runner.iter / runner.max_iters)
