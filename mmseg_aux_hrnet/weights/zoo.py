"""The trained networks that come with the package: their files, checked when read, and what training needs."""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from torch import nn

from mmseg_aux_hrnet.bands import Bands, bands_in, check_same_bands
from mmseg_aux_hrnet.errors import CheckpointError, ConfigError, counted
from mmseg_aux_hrnet.weights.checkpoint import Checkpoint
from mmseg_aux_hrnet.weights.fitting import AUXILIARY, FIRST, describe, mismatches, unwrapped, widened, without

FOLDER = Path(__file__).resolve().parent.parent / 'zoo'
SCHEME = 'zoo://'
CLASSIFIER = 'decode_head.conv_seg.'
AGAIN = 'install the package again'


class ZooModel(NamedTuple):
    """What the record of a network says of it.

    Attributes:
        file: name of the weight file beside the record.
        sha256: of that file.
        config: of this package, such as ``zoo/LEAF.py``.
        title: what it tells apart, in which images.
        gsd: metres per pixel that it is shown images at.
        gsd_range: metres per pixel of the images that it was trained on, finest and coarsest.
    """

    file: str
    sha256: str
    config: str
    title: str
    gsd: float
    gsd_range: tuple[float, float]


def zoo_models() -> dict[str, ZooModel]:
    """Return the networks of the zoo by name.

    Raises:
        CheckpointError: a record is damaged.
    """
    models = {}
    for path in sorted(FOLDER.glob('*.json')):
        try:
            record = json.loads(path.read_text(encoding='utf-8'))
            model = ZooModel(**{field: record[field] for field in ZooModel._fields})
            models[path.stem] = model._replace(gsd_range=(float(model.gsd_range[0]), float(model.gsd_range[1])))
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise CheckpointError(f'{path} is damaged ({type(error).__name__}: {error}): {AGAIN}') from error
    return models


def is_zoo_name(word: str) -> bool:
    """Return whether a word of a command line means a network of the zoo, known or not: ``green`` or ``zoo://green``.

    Names of configs have a dot or a colon; a folder may be called as a network is.
    """
    return word.startswith(SCHEME) or (re.fullmatch(r'[\w-]+', word) is not None and not Path(word).is_file())


def zoo_model(name: str) -> tuple[ZooModel, Path]:
    """Return a network of the zoo and its file.

    Args:
        name: such as ``green`` or ``zoo://green``.

    Raises:
        ConfigError: there is no such network.
        CheckpointError: its file is missing, or is not the one that was published.
    """
    name, models = name.removeprefix(SCHEME), zoo_models()
    if name not in models:
        raise ConfigError(f'{name!r} is not in the zoo: it has {", ".join(models) or "nothing"}; see tools/zoo.py')
    model = models[name]
    path = FOLDER / model.file
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CheckpointError(f'{path} cannot be read ({error.strerror}): {AGAIN}') from error
    if found != model.sha256:
        raise CheckpointError(
            f'{path} is damaged or another file: its SHA-256 is {found[:12]}..., not {model.sha256[:12]}...: {AGAIN}'
        )
    return model, path


def card(name: str) -> str:
    """Return the model card of a network of the zoo, Markdown.

    Raises:
        ConfigError: there is no such network.
        CheckpointError: see :func:`zoo_model`; or the card is not there.
    """
    zoo_model(name)
    path = FOLDER / f'{name.removeprefix(SCHEME)}.md'
    try:
        return path.read_text(encoding='utf-8')
    except OSError as error:
        raise CheckpointError(f'{path} cannot be read ({error.strerror}): {AGAIN}') from error


# Whatever loads by mmengine takes ``zoo://NAME`` then: ``load_from`` of any program, ``init_model``, MMSegInferencer.
@CheckpointLoader.register_scheme(prefixes=SCHEME, force=True)
def load_from_zoo(filename: str, map_location: Any = None, logger: Any = 'current') -> dict[str, Any]:
    """Return the checkpoint of a network of the zoo, float32, as mmengine's loaders do.

    Raises:
        ConfigError: there is no such network.
        CheckpointError: its file is damaged.
    """
    checkpoint = Checkpoint(zoo_model(filename)[1])
    state = {key: value.to(map_location or 'cpu') for key, value in widened(checkpoint.weights).items()}
    return {'meta': checkpoint.meta, 'state_dict': state}


def check_start(name: str, model: nn.Module, *, classes: Sequence[str], bands: Bands) -> tuple[str, ...]:
    """Check that a training can start from a network of the zoo; return the prefixes of the weights to draw anew.

    The classifier is drawn anew if the network of the zoo has other classes, and the log says so. Auxiliary decoders
    of the model always do.

    Args:
        name: of a network of the zoo.
        model: the segmentor that will be trained, or what wraps it.
        classes: that it is to tell.
        bands: that it is to see.

    Raises:
        ConfigError: there is no such network, or it was trained on other bands, or on another number of them.
        CheckpointError: its file is damaged, or the model is another network.
    """
    entry, path = zoo_model(name)
    checkpoint = Checkpoint(path)
    described = checkpoint.meta.get('dataset_meta') or {}
    check_same_bands(bands_in(described), bands, source=name, same_rule=False)
    known = tuple(described.get('classes') or ())
    anew = (AUXILIARY,) if known == tuple(classes) else (AUXILIARY, CLASSIFIER)
    state, first = unwrapped(model).state_dict(), f'backbone.{FIRST}'
    if first in state and state[first].shape[1] != checkpoint.weights[first].shape[1]:
        count, seen = state[first].shape[1], bands_in(described).names
        raise ConfigError(
            f'{name} is a network of {counted(len(seen), "band")} ({", ".join(seen)}), and that of this config '
            f'has {count}: take '
            f'bands={",".join(seen)} and in_channels={len(seen)} for both data and model, or start from other weights '
            'with --pretrained'
        )
    faults = mismatches(without(state, anew), without(checkpoint.weights, anew))
    if any(faults.values()):
        raise CheckpointError(
            f'{name} is another network than that of this config: {describe(faults)}; take one such as '
            f'mmseg_aux_hrnet::{entry.config}'
        )
    reason = f'; its classifier starts anew, because it knows {", ".join(known)}' if CLASSIFIER in anew else ''
    print_log(f'training starts from {name}{reason}', logger='current')
    return anew
