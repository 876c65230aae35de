"""Weight files: found, read without running code, written whole, and filled into models completely or not at all."""

from mmseg_aux_hrnet.weights.finding import best_checkpoint, checkpoint_to_resume, weights_file
from mmseg_aux_hrnet.weights.fitting import (
    check_fits,
    check_mmengine_reads,
    check_resumable,
    load_backbone_weights,
    load_model_weights,
    mismatches,
    state_dict_of,
)
from mmseg_aux_hrnet.weights.reading import allow_own_checkpoints, read_checkpoint

__all__ = (
    'allow_own_checkpoints',
    'best_checkpoint',
    'check_fits',
    'check_mmengine_reads',
    'check_resumable',
    'checkpoint_to_resume',
    'load_backbone_weights',
    'load_model_weights',
    'mismatches',
    'read_checkpoint',
    'state_dict_of',
    'weights_file',
)
