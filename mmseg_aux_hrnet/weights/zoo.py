"""The trained networks that come with the package: names, files, and what they are for."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from mmseg_aux_hrnet.errors import CheckpointError, ConfigError

FOLDER = Path(__file__).resolve().parent.parent / 'zoo'
SCHEME = 'zoo://'


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
