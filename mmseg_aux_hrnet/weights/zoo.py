"""The trained networks that come with the package: names, files, and what they are for."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mmengine.logging import print_log
from torch import Tensor, nn

from mmseg_aux_hrnet.classes import classes_in
from mmseg_aux_hrnet.errors import CheckpointError, ConfigError
from mmseg_aux_hrnet.weights.checkpoint import Checkpoint
from mmseg_aux_hrnet.weights.fitting import AUXILIARY, describe, mismatches, unwrapped, widened, without

FOLDER = Path(__file__).resolve().parent.parent / 'zoo'
SCHEME = 'zoo://'
CLASSIFIER = 'decode_head.conv_seg.'


class ZooModel(NamedTuple):
    """A network of the zoo.

    Attributes:
        config: its config, of this package.
        sha256: of its file, which is checked whenever it is read: whoever put another file there is found out.
        title: what it tells apart, in which images.
    """

    config: str
    sha256: str
    title: str


ZOO: dict[str, ZooModel] = {}


def is_zoo_name(word: str) -> bool:
    """Return whether a word of a command line means a network of the zoo: ``green`` or ``zoo://green``, no file."""
    return word.startswith(SCHEME) or (word in ZOO and not Path(word).exists())


def zoo_model(name: str) -> tuple[ZooModel, Path]:
    """Return a network of the zoo and its file.

    Args:
        name: such as ``green`` or ``zoo://green``.

    Raises:
        ConfigError: there is no such network.
        CheckpointError: its file is missing, or is not the one that was published.
    """
    name = name.removeprefix(SCHEME)
    if name not in ZOO:
        raise ConfigError(f'{name!r} is not in the zoo: it has {", ".join(ZOO)}; see python tools/zoo.py')
    path = FOLDER / f'{name}.safetensors'
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CheckpointError(f'{path} cannot be read ({error.strerror}): install the package again') from error
    if found != ZOO[name].sha256:
        raise CheckpointError(
            f'{path} is damaged or another file: its SHA-256 is {found[:12]}..., not {ZOO[name].sha256[:12]}...: '
            'install the package again'
        )
    return ZOO[name], path


def card(name: str) -> str:
    """Return the model card of a network of the zoo, Markdown.

    Raises:
        ConfigError: there is no such network.
        CheckpointError: see :func:`zoo_model`.
    """
    _, path = zoo_model(name)
    return path.with_suffix('.md').read_text(encoding='utf-8')


def starting_weights(name: str, model: nn.Module, *, classes: Sequence[str]) -> dict[str, Tensor]:
    """Return the weights that a training starts from, float32, without auxiliary decoders.

    Args:
        name: of a network of the zoo.
        model: the segmentor that will be trained, or what wraps it.
        classes: that it is to tell. The classifier of a network that tells others is left out, and starts anew.

    Raises:
        ConfigError: there is no such network.
        CheckpointError: its file is damaged, or the model is another network.
    """
    entry, path = zoo_model(name)
    checkpoint = Checkpoint(path)
    known = classes_in(checkpoint.meta.get('dataset_meta'))
    same = known is not None and known.names == tuple(classes)
    apart = (AUXILIARY,) if same else (AUXILIARY, CLASSIFIER)
    weights = without(widened(checkpoint.weights), apart)
    faults = mismatches(without(unwrapped(model).state_dict(), apart), weights)
    if any(faults.values()):
        raise CheckpointError(
            f'{name} is another network than that of this config: {describe(faults)}; take one such as {entry.config}'
        )
    print_log(f'starts from {name}{"" if same else ", its classifier anew: it tells other classes"}', logger='current')
    return weights
