"""Makes a built model train or predict as fast as its machine can."""

from typing import Any, Literal, get_args

from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import nn

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.models import BranchwiseFCNHead, HRNetV2
from mmseg_aux_hrnet.models.folding import fold_batch_norms

Level = Literal['off', 'safe', 'max']
LEVELS: tuple[Level, ...] = get_args(Level)
DEFAULT: Level = 'safe'


def apply(model: nn.Module, level: Level = DEFAULT, *, training: bool = False) -> None:
    """Set how a built model computes, in place.

    ``off`` computes step by step what MMSegmentation computes. ``safe`` changes results by rounding only.

    Args:
        model: a segmentor, or what averages its predictions or trains it in several processes. For prediction its
            weights must be loaded before: afterwards it can only predict.
        level: see above.
        training: leave the model trainable.

    Raises:
        ConfigError: the level is unknown.
    """
    if level not in LEVELS:
        raise ConfigError(f'speed {level!r} is unknown: use one of {", ".join(LEVELS)}')
    segmentor = _segmentor(model)
    for module in segmentor.modules():
        if isinstance(module, HRNetV2):
            module.layout = 'given' if level == 'off' else 'auto'
        elif isinstance(module, BranchwiseFCNHead):
            module.form = 'plain' if level == 'off' else 'auto'
    if not training and level != 'off':
        fold_batch_norms(segmentor)


def _segmentor(model: Any) -> Any:
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model
