"""Converts the weights of a file completely, or with named exceptions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import mmengine
import mmseg
from mmengine.config import Config
from torch import Tensor

from mmseg_aux_hrnet.classes import Classes, Side, classes_in, plain, settle
from mmseg_aux_hrnet.decision import stored_threshold
from mmseg_aux_hrnet.errors import CheckpointError, ConfigError
from mmseg_aux_hrnet.exchange.forms import WeightFile, arch_of, auxiliary_heads
from mmseg_aux_hrnet.exchange.official import (
    BACKBONE,
    backbone_weights,
    built_model,
    differences_to_official,
    from_official,
    head_weights,
    to_official,
)
from mmseg_aux_hrnet.models.backbones.hrnet_v2 import ARCHS
from mmseg_aux_hrnet.run.config import dataset_meta
from mmseg_aux_hrnet.version import __version__
from mmseg_aux_hrnet.weights.fitting import AUXILIARY, faults_of, matched, widened, with_counters, without

# Decoders in a list, such as the auxiliary ones, are numbered.
CLASSIFIER = re.compile(r'(decode_head|auxiliary_head)(\.\d+)?\.conv_seg\.')
ROWS = 'decode_head.conv_seg.weight'  # one row for each output of the network
Target = Literal['mmseg', 'official']
KEPT_META = ('epoch', 'iter', 'seed', 'experiment_name')
LISTED = 20  # names of each kind on the screen


@dataclass(frozen=True)
class Allowed:
    """What need not match, each named by the user.

    Attributes:
        reset_classifier: every ``conv_seg``, the layers that depend on the number of classes, gets new weights.
        reset_auxiliary: the auxiliary heads of the config get new weights.
        drop_auxiliary: the auxiliary heads of the file are left out.
        classes: whose names and colours count where file and config differ.
    """

    reset_classifier: bool = False
    reset_auxiliary: bool = False
    drop_auxiliary: bool = False
    classes: Side | None = None

    def options(self) -> list[str]:
        """Return the options of the command line that allow it."""
        flags = ('reset_classifier', 'reset_auxiliary', 'drop_auxiliary')
        named = [f'--{flag.replace("_", "-")}' for flag in flags if getattr(self, flag)]
        return named + ([] if self.classes is None else [f'--classes {self.classes}'])

    def starts_anew(self, key: str) -> bool:
        """Say whether a weight is drawn anew and not taken over."""
        classifier = self.reset_classifier and CLASSIFIER.match(key) is not None
        return classifier or (self.reset_auxiliary and key.startswith(AUXILIARY))


@dataclass(frozen=True)
class Conversion:
    """A conversion and what happened to every key.

    Attributes:
        title: what was converted to what.
        weights: by the names of the result.
        meta: of the result; empty where something stands in the way.
        taken: names of the weights that were taken over.
        faults: names that stand in the way, by kind.
        notes: further remarks, by topic: names left out, drawn anew or changed.
        classes: names of the classes and whose word that is; empty for a result without.
    """

    title: str
    weights: dict[str, Tensor]
    meta: dict[str, Any]
    taken: list[str]
    faults: dict[str, list[str]]
    notes: dict[str, list[str]]
    classes: str = ''


def convert(file: WeightFile, *, config: Config | None, target: Target, allowed: Allowed) -> Conversion:
    """Return the weights of a file in the form ``target``; those of an ImageNet file as a backbone.

    Args:
        file: what to convert.
        config: of MMSegmentation 1.x; what the result is for.
        target: ``mmseg`` or ``official``.
        allowed: what need not match.

    Raises:
        CheckpointError: see the functions below; or the file cannot become that, or not without a config.
        ConfigError: see the functions below.
    """
    source = file.checkpoint.path
    if file.kind == 'imagenet':
        if target == 'official' or allowed.options():
            raise CheckpointError(
                f'{source} holds a backbone only, which becomes a file for --pretrained: leave out --to official '
                'and the options for heads and classes'
            )
        return to_backbone(file, config=config)
    if target == 'official':
        return to_official_form(file, allowed=allowed)
    if config is None:
        # What the weights themselves tell of the config they need.
        weights = from_official(file.weights) if file.kind == 'official' else file.weights
        arch = arch_of({key.removeprefix(BACKBONE): value for key, value in weights.items()}) or 'no HRNetV2'
        rows = weights[ROWS].shape[0] if ROWS in weights and weights[ROWS].dim() else 'an unknown number of'
        raise CheckpointError(
            f'{source} is of the {file.title} and does not say its model and classes in a safe way: give its '
            f'config, --config CONFIG ({arch}, {rows} outputs, {auxiliary_heads(weights)} '
            'auxiliary heads)'
        )
    return to_mmseg(file, config=config, allowed=allowed)


def to_mmseg(file: WeightFile, *, config: Config, allowed: Allowed) -> Conversion:
    """Return weights and meta of MMSegmentation 1.x for the model of a config.

    Raises:
        CheckpointError: the classes are not known, or file and config name different ones.
        ConfigError: the model of the config cannot be built, or contradicts its data set.
    """
    model = built_model(config, initialise=allowed.reset_classifier)
    expected: dict[str, Tensor] = model.state_dict()
    # Files in half precision are common; networks are built in float32, and another type counts as a fault below.
    weights = widened(file.weights)
    notes: dict[str, list[str]] = {}
    if file.kind == 'official':
        weights = from_official(weights)
        notes['folded'] = ['last_layer.0.bias into the running mean of decode_head.convs.0.bn']
        notes['computes otherwise'] = differences_to_official(model)
    kept = without(weights, AUXILIARY) if allowed.drop_auxiliary else weights
    kept = {key: value for key, value in kept.items() if not allowed.starts_anew(key)}
    new = {key: value for key, value in expected.items() if allowed.starts_anew(key)}
    notes |= {'left out': [*file.left_out, *(key for key in weights if key not in kept)], 'drawn anew': list(new)}
    taken = matched(kept, expected)
    whole = with_counters({**kept, **new}, expected)
    faults = faults_of(whole, expected)
    title = f'{file.title} to MMSegmentation 1.x'
    if any(faults.values()):
        return Conversion(title, whole, {}, taken, faults, notes)
    theirs = classes_in(file.checkpoint.meta.get('dataset_meta') or file.checkpoint.meta)
    classes, whose = _classes(theirs, config=config, count=int(model.decode_head.num_classes), allowed=allowed)
    meta = {**_origin(file, allowed.options()), 'dataset_meta': classes.meta(), 'cfg': config.pretty_text}
    meta['size_divisor'] = model.size_divisor
    threshold = stored_threshold(file.checkpoint.meta, source=file.checkpoint.path)
    # A threshold was chosen for the probabilities of these classes by this classifier, and says nothing of others.
    if threshold is not None:
        if theirs is not None and classes.names == theirs.names and not allowed.reset_classifier:
            meta['threshold'] = threshold.record()
        else:
            notes['left out'].append(f'threshold of {threshold.class_name}')
    return Conversion(title, whole, meta, taken, faults, notes, f'{", ".join(classes.names)} ({whose})')


def _classes(theirs: Classes | None, *, config: Config, count: int, allowed: Allowed) -> tuple[Classes, str]:
    """Return the classes of the result, and whose word that is.

    Args:
        theirs: what the file names.
        config: what the result is for.
        count: of the classes that its model tells.
        allowed: whose word counts where they differ.
    """
    ours = classes_in(dataset_meta(config))
    if ours is not None and len(ours.names) != count:
        raise ConfigError(f'the config contradicts itself: its model has {count} classes, its data {len(ours.names)}')
    # What the file names, a new classifier does not tell.
    classes, whose = settle(None if allowed.reset_classifier else theirs, ours, choice=allowed.classes)
    if len(classes.names) != count:
        raise CheckpointError(f'the file names {len(classes.names)} classes, the model has {count}')
    return classes, whose


def to_official_form(file: WeightFile, *, allowed: Allowed) -> Conversion:
    """Return the weights as the official HRNet code saves and reads them; it has no place for meta.

    Raises:
        CheckpointError: the backbone is not a variant of HRNetV2.
        ConfigError: an exception does not make sense here.
    """
    if allowed.reset_classifier or allowed.reset_auxiliary or allowed.classes is not None:
        raise ConfigError('--to official draws no new weights and has no place for classes: leave those options out')
    weights = widened(from_official(file.weights) if file.kind == 'official' else file.weights)
    arch = _arch({key.removeprefix(BACKBONE): value for key, value in weights.items()}, file=file)
    kept = without(weights, AUXILIARY) if allowed.drop_auxiliary else weights
    # A classifier that is missing or damaged is to be named as a fault below, so any count of outputs does here.
    rows = kept[ROWS].shape[0] if ROWS in kept and kept[ROWS].dim() else 1
    expected = {BACKBONE + key: value for key, value in backbone_weights(arch).items()}
    expected |= {f'decode_head.{key}': value for key, value in head_weights(arch, rows=rows).items()}
    whole = with_counters(kept, expected)
    faults = faults_of(whole, expected)
    meta = ['meta'] if file.checkpoint.meta else []
    notes = {'left out': [*file.left_out, *meta, *(key for key in weights if key not in kept)]}
    result = {} if any(faults.values()) else to_official(whole)
    title = f'{file.title} ({arch}) to the official HRNet code'
    return Conversion(title, result, {}, matched(kept, expected), faults, notes)


def to_backbone(file: WeightFile, *, config: Config | None) -> Conversion:
    """Return the weights of an ImageNet file as a backbone's own, for ``--pretrained``.

    Args:
        file: of kind ``imagenet``.
        config: whose backbone they have to fill; else that of the variant whose geometry they have.

    Raises:
        CheckpointError: the backbone is not a variant of HRNetV2.
    """
    weights = widened(file.weights)
    if config is None:
        arch = _arch(weights, file=file)
        expected = backbone_weights(arch)
    else:
        backbone = built_model(config, initialise=False).backbone
        arch, expected = getattr(backbone, 'arch', type(backbone).__name__), backbone.state_dict()
    whole = with_counters(weights, expected)
    meta = {**_origin(file, []), 'arch': arch}
    notes = {'left out': list(file.left_out)}
    faults = faults_of(whole, expected)
    return Conversion(f'{file.title} to weights of {arch}', whole, meta, matched(weights, expected), faults, notes)


def _arch(weights: dict[str, Tensor], *, file: WeightFile) -> str:
    arch = arch_of(weights)
    if arch is None:
        raise CheckpointError(
            f'{file.checkpoint.path} does not have the geometry of an HRNetV2 variant: {", ".join(ARCHS)}'
        )
    return arch


def _origin(file: WeightFile, options: Iterable[str]) -> dict[str, Any]:
    """Return what the result says of where it comes from; the same file gives the same."""
    checkpoint = file.checkpoint
    origin = {'file': checkpoint.path.name, 'sha256': checkpoint.sha256, 'form': file.title, 'options': list(options)}
    versions = {'mmengine_version': mmengine.__version__, 'mmseg_version': mmseg.__version__}
    kept = {key: plain(checkpoint.meta[key]) for key in KEPT_META if key in checkpoint.meta}
    return {**kept, **versions, 'mmseg_aux_hrnet_version': __version__, 'converted_from': origin}


def report(conversion: Conversion) -> str:
    """Return the lines for the screen: a count for every kind, and names for all but those that matched."""
    lines = [conversion.title, f'  {"matched":<17}{len(conversion.taken):>6}']
    for kind, names in {**conversion.faults, **conversion.notes}.items():
        # These three are shown even where they are 0: that nothing is missing is what a reader looks for.
        if names or kind in ('missing', 'unexpected', 'other shape'):
            lines.append(f'  {kind:<17}{len(names):>6}')
            lines += [f'      {name}' for name in names[:LISTED]]
        if len(names) > LISTED:
            lines.append(f'      and {len(names) - LISTED} more')
    if conversion.classes:
        lines.append(f'  {"classes":<17}  {conversion.classes}')
    return '\n'.join(lines)


def way_out(conversion: Conversion, *, target: Target) -> str:
    """Return what to do about the faults of a conversion to a form."""
    # First, because no option helps against it.
    if conversion.faults['not finite']:
        return 'training that wrote these numbers had diverged, so take an earlier checkpoint of it'
    options = set()
    for kind, name in ((kind, name) for kind, names in conversion.faults.items() for name in names):
        option = None
        if name.startswith(AUXILIARY):
            option = {'unexpected': '--drop-auxiliary', 'missing': '--reset-auxiliary'}.get(kind)
        elif CLASSIFIER.match(name) and kind in ('missing', 'other shape'):
            option = '--reset-classifier'
        options.add(option)
    if target == 'official' and options - {'--drop-auxiliary'}:
        return 'that form takes an HRNetV2 with one FCNHead over all branches'
    if None in options:
        return 'use the config, or the file, of the same architecture'
    return f'name the exceptions if you mean them: {" ".join(sorted(filter(None, options)))}'
