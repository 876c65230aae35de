"""Finds the file that a path, an address, a published name or a work dir means."""

import os
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier
from mmengine.runner import find_latest_checkpoint
from mmengine.runner.checkpoint import get_external_models

from mmseg_aux_hrnet.errors import CheckpointError

OPEN_MMLAB = 'open-mmlab://'


def weights_file(source: str) -> Path:
    """Return the local file of a path or an address, downloaded once into torch's cache.

    Args:
        source: a path, an ``http(s)://`` address, or a name that mmengine lists, ``open-mmlab://msra/hrnetv2_w18``.

    Raises:
        CheckpointError: the file is not there and cannot be downloaded; says where to put it.
    """
    if source.startswith(OPEN_MMLAB):
        addresses = get_external_models()
        name = source.removeprefix(OPEN_MMLAB)
        if name not in addresses:
            known = ', '.join(key for key in addresses if 'hrnet' in key)
            raise CheckpointError(f'{source} is not published: use one of {known}')
        source = str(addresses[name])
    address = urlparse(source)
    if address.scheme not in ('http', 'https'):
        return Path(source)
    path = Path(torch.hub.get_dir()) / 'checkpoints' / Path(address.path).name
    # One process of each machine downloads; the others wait below, so none reads an incomplete file.
    if not path.exists() and os.environ.get('LOCAL_RANK', '0') == '0':
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(source, str(path))  # writes beside and renames
        except (URLError, OSError) as error:
            raise CheckpointError(
                f'ImageNet weights {path.name} are not here and could not be downloaded from {source} '
                f'({getattr(error, "reason", error)}): put the file at {path}, or name yours with --pretrained PATH, '
                'or start from random weights with --pretrained none'
            ) from error
    barrier()
    return path


def best_checkpoint(path: Path) -> Path:
    """Return ``path``, or where it is a work dir its newest ``best_*.pth``, else its last checkpoint.

    Raises:
        CheckpointError: the folder holds no checkpoint.
    """
    if not path.is_dir():
        return path
    best = max(path.glob('best_*.pth'), key=os.path.getmtime, default=None)
    if best is None:
        last = find_latest_checkpoint(str(path))
        best = None if last is None else Path(last)
    if best is None:
        raise CheckpointError(f'{path} holds no checkpoint: train with --work-dir {path} first')
    return best


def checkpoint_to_resume(request: str | None, work_dir: Path) -> Path | None:
    """Return the checkpoint that ``--resume`` means: a path, ``auto`` for the last one, None for a fresh start."""
    if request is None:
        return None
    if request != 'auto':
        return Path(request)
    last = find_latest_checkpoint(str(work_dir))
    if last is None:
        return None
    moved = work_dir / Path(last).name  # the work dir was renamed or copied since
    return moved if moved.is_file() else Path(last)
