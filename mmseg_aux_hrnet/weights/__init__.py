"""Weight files: found, read without running code, written whole, and filled into models completely or not at all."""

from mmseg_aux_hrnet.weights.checkpoint import Checkpoint, allow_own_checkpoints, read_checkpoint
from mmseg_aux_hrnet.weights.finding import best_checkpoint, checkpoint_to_resume, weights_file
from mmseg_aux_hrnet.weights.fitting import (
    check_bands,
    check_fits,
    check_mmengine_reads,
    load_backbone_weights,
    load_model_weights,
    mismatches,
    unwrapped,
)
from mmseg_aux_hrnet.weights.zoo import zoo_model, zoo_models

__all__ = (
    'Checkpoint',
    'allow_own_checkpoints',
    'best_checkpoint',
    'check_bands',
    'check_fits',
    'check_mmengine_reads',
    'checkpoint_to_resume',
    'load_backbone_weights',
    'load_model_weights',
    'mismatches',
    'read_checkpoint',
    'unwrapped',
    'weights_file',
    'zoo_model',
    'zoo_models',
)
