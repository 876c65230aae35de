"""Makes a small file of a checkpoint, its name sealed by its hash, with a model card beside it."""

import hashlib
import re
from pathlib import Path
from typing import Any

from mmseg_aux_hrnet.classes import classes_in, plain
from mmseg_aux_hrnet.decision import stored_threshold
from mmseg_aux_hrnet.errors import CheckpointError
from mmseg_aux_hrnet.exchange.card import Statements, model_card
from mmseg_aux_hrnet.exchange.figures import Figures, logged, reported
from mmseg_aux_hrnet.exchange.forms import recognise
from mmseg_aux_hrnet.files.outputs import check_file
from mmseg_aux_hrnet.weights.fitting import CONVERT, not_finite
from mmseg_aux_hrnet.weights.reading import read_checkpoint
from mmseg_aux_hrnet.weights.writing import checkpoint_bytes, write_file

SEALED = 8  # digits of the hash in the name, as mmengine has them
NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]*')
STARTED = re.compile(r'_\d{8}_\d{6}$')  # mmengine puts the time of the start behind the name of the config
KEPT = (
    'epoch',
    'iter',
    'seed',
    'experiment_name',
    'time',
    'cfg',
    'threshold',
    'mmengine_version',
    'mmseg_version',
    'mmseg_aux_hrnet_version',
    'torch_version',
    'converted_from',
)


def publish(
    source: Path,
    folder: Path,
    *,
    name: str | None,
    suffix: str,
    metrics: Path | None,
    statements: Statements,
    overwrite: bool,
) -> tuple[Path, Path]:
    """Write the weights of a checkpoint and what they mean to ``NAME-HASH.SUFFIX``, and ``NAME-HASH.md`` beside it.

    Args:
        source: a checkpoint of MMSegmentation 1.x with classes and config.
        folder: made if missing.
        name: default is that of the run.
        suffix: ``.pth`` or ``.safetensors``.
        metrics: the ``metrics.json`` of a report on ``source``; else the figures that training logged of it count.
        statements: what only the publisher knows.
        overwrite: replace files of these names.

    Raises:
        CheckpointError: the checkpoint says too little of itself, or files cannot be written.
        DataError: see :func:`~mmseg_aux_hrnet.exchange.figures.reported`.
    """
    content = read_checkpoint(source)
    small = _stripped(content, source=source)
    figures = _figures(content, source=source, metrics=metrics)
    data = checkpoint_bytes(small, suffix=suffix)
    digest = hashlib.sha256(data).hexdigest()
    file = folder / f'{_name(name, small["meta"], source=source)}-{digest[:SEALED]}{suffix}'
    card = file.with_name(f'{file.name.removesuffix(suffix)}.md')
    for path in (file, card):
        check_file(path, overwrite=overwrite, advice='choose another folder, or replace it with --overwrite')
    text = model_card(small, file=file.name, sha256=digest, figures=figures, statements=statements)
    write_file(file, data)
    try:
        write_file(card, text.encode())
    except CheckpointError:
        file.unlink()  # both or none
        raise
    return file, card


def _stripped(content: dict[str, Any], *, source: Path) -> dict[str, Any]:
    """Return the weights and plain meta: no optimizer, no log, nothing that needs an allow-list."""
    held = recognise(content, source=source)
    classes = classes_in(held.meta.get('dataset_meta') or {})
    if held.kind != 'mmseg' or classes is None or classes.palette is None or not isinstance(held.meta.get('cfg'), str):
        raise CheckpointError(
            f'{source} ({held.title}) does not say with which classes, colours and config to use it: convert it first, '
            f'{CONVERT} {source.name} OUT --config CONFIG'
        )
    broken = not_finite(held.weights)
    if broken:
        raise CheckpointError(f'{source}: {broken[0]} holds numbers that are not finite, so it cannot predict')
    stored_threshold(held.meta, source=source)  # raises where it is none
    meta = {key: plain(held.meta[key]) for key in KEPT if key in held.meta}
    return {'meta': {**meta, 'dataset_meta': classes.meta()}, 'state_dict': held.weights}


def _figures(content: dict[str, Any], *, source: Path, metrics: Path | None) -> Figures | None:
    if metrics is None:
        return logged(content)
    return reported(metrics, sha256=hashlib.sha256(source.read_bytes()).hexdigest())


def _name(name: str | None, meta: dict[str, Any], *, source: Path) -> str:
    said = name or STARTED.sub('', str(meta.get('experiment_name') or source.stem))
    if not NAME.fullmatch(said):
        raise CheckpointError(
            f'the name {said!r} has more than letters, digits, and . _ - between them: give another with --name'
        )
    return said
