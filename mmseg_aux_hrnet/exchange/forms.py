"""Recognises the form in which a checkpoint holds weights, or says that it does not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from mmseg_aux_hrnet.errors import CheckpointError
from mmseg_aux_hrnet.models.backbones.hrnet_v2 import ARCHS, Arch
from mmseg_aux_hrnet.weights import Checkpoint
from mmseg_aux_hrnet.weights.checkpoint import LISTED_KEYS, without_prefix
from mmseg_aux_hrnet.weights.fitting import AUXILIARY, HEAD_PREFIXES, without

Kind = Literal['official', 'mmseg', 'imagenet']
FULL_MODEL = ('model.', 'loss.')  # the official training code saves the network beside its loss
OCR = ('ocr_distri_head.', 'aux_head.')
# By what beginnings of names a form is known: its kind, all that are present, all that are absent. The first that
# fits counts. The official network with OCR has names of its own, else its weights would pass for those of ImageNet.
FORMS: tuple[tuple[Kind, tuple[str, ...], tuple[str, ...]], ...] = (
    ('official', ('conv1.weight', 'stage4.', 'last_layer.'), ('backbone.', 'decode_head.', *OCR)),
    ('mmseg', ('backbone.', 'decode_head.'), ('conv1.weight', 'last_layer.')),
    ('imagenet', ('conv1.weight', 'stage4.'), ('backbone.', 'decode_head.', 'last_layer.', *OCR)),
    ('imagenet', ('backbone.conv1.weight', 'backbone.stage4.'), ('conv1.weight', 'decode_head.', 'last_layer.')),
)


@dataclass(frozen=True)
class WeightFile:
    """A checkpoint whose form is known.

    Attributes:
        checkpoint: the file.
        kind: its form.
        title: the form in words.
        weights: by the names of that form, without ``module.`` and ``model.``; of a backbone without its classifier.
        left_out: what else is there and no converted file takes.
    """

    checkpoint: Checkpoint
    kind: Kind
    title: str
    weights: dict[str, Tensor]
    left_out: tuple[str, ...]


def recognise(checkpoint: Checkpoint) -> WeightFile:
    """Return the weights of a checkpoint and their form.

    Raises:
        CheckpointError: there are no weights, or they do not have a known form.
    """
    source, weights = checkpoint.path, checkpoint.weights
    # Torch can compare and copy such tensors in part only, and would fail somewhere with a message about itself.
    odd = next((key for key, value in weights.items() if value.layout is not torch.strided or value.is_quantized), None)
    if odd is not None:
        raise CheckpointError(f'{source}: {odd} is sparse or quantised, and no network here has such weights')
    content = checkpoint.content
    state = content.get('state_dict', content)
    left_out = [str(key) for key in content if key not in ('state_dict', 'meta')] if 'state_dict' in content else []
    left_out += [str(key) for key, value in state.items() if not isinstance(value, Tensor) and key != 'meta']
    if all(key.startswith(FULL_MODEL) for key in weights) and any(key.startswith('model.') for key in weights):
        left_out += [key for key in weights if key.startswith('loss.')]
        weights = without_prefix(without(weights, 'loss.'), 'model.', source=source)
    kind = _kind(weights, source=source)
    if kind == 'imagenet':
        weights = without_prefix(weights, 'backbone.', source=source)
        left_out += [key for key in weights if key.startswith(HEAD_PREFIXES)]
        weights = without(weights, HEAD_PREFIXES)
    return WeightFile(checkpoint, kind, _title(kind, checkpoint.meta), weights, tuple(left_out))


def _kind(weights: Mapping[str, Tensor], *, source: Path) -> Kind:
    looked_for = {prefix for _, present, absent in FORMS for prefix in (*present, *absent)}
    there = {prefix for prefix in looked_for if any(key.startswith(prefix) for key in weights)}
    for kind, present, absent in FORMS:
        if there.issuperset(present) and there.isdisjoint(absent):
            return kind
    if not there.isdisjoint(OCR):
        raise CheckpointError(f'{source} is of the official HRNet+OCR code, for which there is no model here')
    looked = ', '.join(f'{kind} ({" ".join(present)})' for kind, present, _ in FORMS[:3])
    raise CheckpointError(
        f'{source} does not have a known form: it needs the names of one of {looked}; its names start with '
        f'{", ".join(list(weights)[:LISTED_KEYS])}'
    )


def _title(kind: Kind, meta: Mapping[str, Any]) -> str:
    if kind == 'official':
        return 'official HRNet code'
    if kind == 'imagenet':
        return 'ImageNet backbone'
    if 'dataset_meta' in meta or 'mmengine_version' in meta:
        return 'MMSegmentation 1.x'
    if 'CLASSES' in meta or 'mmcv_version' in meta or str(meta.get('mmseg_version')).startswith('0.'):
        return 'MMSegmentation 0.x'
    return 'MMSegmentation, no meta that tells 0.x from 1.x'


def arch_of(weights: Mapping[str, Tensor]) -> str | None:
    """Return the variant of HRNetV2 whose geometry the weights of a backbone have, or None where there is none."""

    def count(prefix: str) -> int:
        return len({key.removeprefix(prefix).split('.')[0] for key in weights if key.startswith(prefix)})

    def rows(key: str) -> int:
        return weights[key].shape[0] if weights[key].dim() else 0  # damaged files hold numbers where layers were

    firsts = [f'stage4.0.branches.{branch}.0.conv1.weight' for branch in range(4)]
    if 'layer1.0.conv1.weight' not in weights or not all(key in weights for key in firsts):
        return None
    widths = (rows(firsts[0]), rows(firsts[1]), rows(firsts[2]), rows(firsts[3]))
    modules = (count('stage2.'), count('stage3.'), count('stage4.'))
    found = Arch(count('layer1.'), rows('layer1.0.conv1.weight'), modules, count('stage4.0.branches.0.'), widths)
    return next((name for name, arch in ARCHS.items() if arch == found), None)


def auxiliary_heads(weights: Mapping[str, Tensor]) -> int:
    """Return how many auxiliary heads of mmseg the weights are of."""
    numbered = {key.split('.')[1] for key in weights if re.match(r'auxiliary_head\.\d+\.', key)}
    # mmseg writes a single head without a number.
    return len(numbered) or int(any(key.startswith(AUXILIARY) for key in weights))
