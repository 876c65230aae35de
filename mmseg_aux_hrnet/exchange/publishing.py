"""Makes a small file of a checkpoint, its name sealed by its hash, with a model card beside it."""

import hashlib
import re
from pathlib import Path
from typing import Any

from mmseg_aux_hrnet.classes import classes_in, plain
from mmseg_aux_hrnet.decision import stored_threshold
from mmseg_aux_hrnet.errors import CheckpointError
from mmseg_aux_hrnet.exchange.card import model_card
from mmseg_aux_hrnet.exchange.figures import logged, reported
from mmseg_aux_hrnet.exchange.forms import recognise
from mmseg_aux_hrnet.files.outputs import check_file
from mmseg_aux_hrnet.weights import Checkpoint
from mmseg_aux_hrnet.weights.fitting import CONVERT, narrowed, not_finite
from mmseg_aux_hrnet.weights.writing import checkpoint_bytes, write_file

SEALED = 8  # digits of the hash in the name, as mmengine has them
NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]*')
STARTED = re.compile(r'_\d{8}_\d{6}$')  # mmengine puts the time of the start behind the name of the config
# Of ``meta``, what says how to use the weights and where they come from. The rest, such as what hooks leave there, may
# hold classes for which a reader of the file would need an allow-list.
KEPT = (
    'epoch',
    'iter',
    'seed',
    'experiment_name',
    'time',
    'cfg',
    'threshold',
    'size_divisor',
    'mmengine_version',
    'mmseg_version',
    'mmseg_aux_hrnet_version',
    'torch_version',
    'converted_from',
)


def publish(
    checkpoint: Checkpoint,
    folder: Path,
    *,
    name: str | None,
    suffix: str,
    metrics: Path | None,
    data: str | None,
    licence: str | None,
    half: bool,
    overwrite: bool,
) -> tuple[Path, Path]:
    """Write the weights of a checkpoint and what they mean to ``NAME-HASH.SUFFIX``, and ``NAME-HASH.md`` beside it.

    Args:
        checkpoint: of MMSegmentation 1.x with classes and config.
        folder: made if missing.
        name: default is that of the run.
        suffix: ``.pth`` or ``.safetensors``.
        metrics: the ``metrics.json`` of a report on the checkpoint; else the figures that training logged of it count.
        data: what the network was trained on, for the card.
        licence: of the weights, for the card.
        half: store weights in float16; they are float32 again where they are loaded.
        overwrite: replace files of these names.

    Raises:
        CheckpointError: the checkpoint says too little of itself, or files cannot be written.
        ConfigError: a file of one of the names exists and may not be replaced.
        DataError: see :func:`~mmseg_aux_hrnet.exchange.figures.reported`.
    """
    small = _stripped(checkpoint)
    if half:
        small['state_dict'] = narrowed(small['state_dict'], source=checkpoint.path)
    figures = logged(checkpoint.content) if metrics is None else reported(metrics, sha256=checkpoint.sha256)
    run = str(small['meta'].get('experiment_name') or checkpoint.path.stem)
    stem = name or STARTED.sub('', run)
    if not NAME.fullmatch(stem):
        raise CheckpointError(
            f'the name {stem!r} has more than letters, digits, and . _ - between them: give another with --name'
        )
    content = checkpoint_bytes(small, suffix=suffix)
    digest = hashlib.sha256(content).hexdigest()
    file, card = (folder / f'{stem}-{digest[:SEALED]}{end}' for end in (suffix, '.md'))
    for path in (file, card):
        check_file(path, overwrite=overwrite, advice='choose another folder, or replace it with --overwrite')
    # Before anything is written: a card that cannot be made must not leave a file without one.
    text = model_card(small, file=file.name, sha256=digest, figures=figures, data=data, licence=licence)
    write_file(file, content)
    try:
        write_file(card, text.encode())
    except CheckpointError:
        file.unlink()  # both or none
        raise
    return file, card


def _stripped(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the weights and plain meta: no optimizer, no log, nothing that needs an allow-list."""
    source, meta, form = checkpoint.path, checkpoint.meta, recognise(checkpoint)
    classes = classes_in(meta.get('dataset_meta') or {})
    if form.kind != 'mmseg' or classes is None or classes.palette is None or not isinstance(meta.get('cfg'), str):
        raise CheckpointError(
            f'{source} ({form.title}) does not say its classes, colours and config: convert it first, '
            f'{CONVERT} {source.name} OUT --config CONFIG'
        )
    broken = not_finite(form.weights)
    if broken:
        raise CheckpointError(f'{source}: {broken[0]} holds numbers that are not finite, so it cannot predict')
    stored_threshold(meta, source=source)  # raises where it is none
    kept = {key: plain(meta[key]) for key in KEPT if key in meta}
    return {'meta': {**kept, 'dataset_meta': classes.meta()}, 'state_dict': form.weights}
