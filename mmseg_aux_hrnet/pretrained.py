"""Makes sure, before training, that the weights a backbone starts from are there, safe and its own."""

from typing import Any

from mmengine.model import is_model_wrapper

from mmseg_aux_hrnet.errors import CheckpointError
from mmseg_aux_hrnet.models import HRNetV2
from mmseg_aux_hrnet.weights import check_mmengine_reads, mismatches, read_checkpoint, state_dict_of, weights_file


def prepare_pretrained(model: Any) -> None:
    """Point a ``Pretrained`` backbone to a local file that fills it.

    :class:`~mmseg_aux_hrnet.models.HRNetV2` sees to it itself. Other backbones are filled by mmengine, which ends in a
    traceback offline, and starts from random weights with a note in the log where keys differ.

    Args:
        model: a segmentor, or its wrapper for several devices.

    Raises:
        CheckpointError: the file is not there and cannot be downloaded, is not safe, or leaves weights unfilled.
    """
    backbone = (model.module if is_model_wrapper(model) else model).backbone
    init_cfg = getattr(backbone, 'init_cfg', None)
    if isinstance(backbone, HRNetV2) or not isinstance(init_cfg, dict) or init_cfg.get('type') != 'Pretrained':
        return
    path = weights_file(init_cfg['checkpoint'])
    check_mmengine_reads(path)
    weights = state_dict_of(read_checkpoint(path), source=path)
    prefix = next((prefix for prefix in ('model.', 'backbone.') if any(key.startswith(prefix) for key in weights)), '')
    own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
    faults = mismatches(backbone.state_dict(), own)
    unfilled = faults['missing'] + faults['other shape']
    if unfilled:
        raise CheckpointError(
            f'{path} leaves {len(unfilled)} weights of {type(backbone).__name__} unfilled, first {unfilled[0]}: '
            'give weights of this backbone, or --pretrained none'
        )
    backbone.init_cfg = {**init_cfg, 'checkpoint': str(path), **({'prefix': prefix} if prefix else {})}
