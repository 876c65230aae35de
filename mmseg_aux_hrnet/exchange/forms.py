"""Recognises the form in which a checkpoint holds weights, or says that it does not."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from mmseg_aux_hrnet.errors import CheckpointError
from mmseg_aux_hrnet.models.backbones.hrnet_v2 import ARCHS, Arch
from mmseg_aux_hrnet.weights.fitting import HEAD_PREFIXES, LISTED_KEYS, state_dict_of, without, without_prefix

Kind = Literal['official', 'mmseg', 'imagenet']
FULL_MODEL = ('model.', 'loss.')  # the official training code saves the network beside its loss
OCR = ('ocr_distri_head.', 'aux_head.')


class Marks(NamedTuple):
    """Beginnings of names by which a form is known: all of ``present``, none of ``absent``."""

    kind: Kind
    present: tuple[str, ...]
    absent: tuple[str, ...]


FORMS = (
    Marks('official', ('conv1.weight', 'stage4.', 'last_layer.'), ('backbone.', 'decode_head.', *OCR)),
    Marks('mmseg', ('backbone.', 'decode_head.'), ('conv1.weight', 'last_layer.')),
    Marks('imagenet', ('conv1.weight', 'stage4.'), ('backbone.', 'decode_head.', 'last_layer.', *OCR)),
    Marks('imagenet', ('backbone.conv1.weight', 'backbone.stage4.'), ('conv1.weight', 'decode_head.', 'last_layer.')),
)


@dataclass(frozen=True)
class Held:
    """What a file holds.

    Attributes:
        source: the file.
        kind: its form.
        title: the form in words.
        weights: by the names of that form, without ``module.`` and ``model.``; of a backbone without its classifier.
        left_out: what else is there and no converted file takes.
        meta: what the file says about itself.
    """

    source: Path
    kind: Kind
    title: str
    weights: dict[str, Tensor]
    left_out: tuple[str, ...]
    meta: dict[str, Any]


def recognise(content: Mapping[str, Any], *, source: Path) -> Held:
    """Return the weights of a checkpoint and their form.

    Raises:
        CheckpointError: there are no weights, or they have none of the known forms.
    """
    weights = state_dict_of(content, source=source)
    odd = next((key for key, value in weights.items() if value.layout is not torch.strided or value.is_quantized), None)
    if odd is not None:
        raise CheckpointError(f'{source}: {odd} is sparse or quantised, and no network here has such weights')
    unused: list[str] = []
    if all(key.startswith(FULL_MODEL) for key in weights) and any(key.startswith('model.') for key in weights):
        weights, unused = _parted(weights, ('loss.',))
        weights = without_prefix(weights, 'model.', source=source)
    kind = _kind(weights, source=source)
    if kind == 'imagenet':
        weights, heads = _parted(without_prefix(weights, 'backbone.', source=source), HEAD_PREFIXES)
        unused += heads
    meta = content.get('meta')
    meta = dict(meta) if isinstance(meta, Mapping) else {}
    return Held(source, kind, _title(kind, meta), weights, (*_beside(content), *unused), meta)


def _parted(weights: Mapping[str, Tensor], prefixes: tuple[str, ...]) -> tuple[dict[str, Tensor], list[str]]:
    """Return the weights whose names start with none of the prefixes, and the names of the others."""
    rest = without(weights, prefixes)
    return rest, [key for key in weights if key not in rest]


def _kind(weights: Mapping[str, Tensor], *, source: Path) -> Kind:
    def some(prefix: str) -> bool:
        return any(key.startswith(prefix) for key in weights)

    for form in FORMS:
        if all(map(some, form.present)) and not any(map(some, form.absent)):
            return form.kind
    if any(map(some, OCR)):
        raise CheckpointError(f'{source} is of the official HRNet+OCR code, for which there is no model here')
    looked = ', '.join(f'{form.kind} ({" ".join(form.present)})' for form in FORMS[:3])
    raise CheckpointError(
        f'{source} is in no known form: looked for names of one of {looked}; its names start with '
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


def _beside(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what lies beside the weights, such as the optimizer; and in their dictionary without being a weight."""
    wrapped = 'state_dict' in content
    outside = [str(key) for key in content if key not in ('state_dict', 'meta')] if wrapped else []
    state = content['state_dict'] if wrapped else content
    return (*outside, *(str(key) for key, value in state.items() if not isinstance(value, Tensor) and key != 'meta'))


def arch_of(weights: Mapping[str, Tensor]) -> str | None:
    """Return the variant of HRNetV2 whose geometry the weights of a backbone have, or None where there is none."""
    geometry = _geometry(weights)
    return next((name for name, arch in ARCHS.items() if arch == geometry), None)


def _geometry(weights: Mapping[str, Tensor]) -> Arch | None:
    def count(prefix: str) -> int:
        return len({key.removeprefix(prefix).split('.')[0] for key in weights if key.startswith(prefix)})

    def rows(key: str) -> int:
        return weights[key].shape[0] if weights[key].dim() else 0

    firsts = [f'stage4.0.branches.{branch}.0.conv1.weight' for branch in range(4)]
    if 'layer1.0.conv1.weight' not in weights or not all(key in weights for key in firsts):
        return None
    a, b, c, d = map(rows, firsts)
    modules = (count('stage2.'), count('stage3.'), count('stage4.'))
    return Arch(count('layer1.'), rows('layer1.0.conv1.weight'), modules, count('stage4.0.branches.0.'), (a, b, c, d))
