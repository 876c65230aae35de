"""The origin of figures: versions, hashes, command and date of a run."""

import hashlib
import platform
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path

from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.files.hashing import sha256_of
from mmseg_aux_hrnet.report.metrics_file import RunRecord
from mmseg_aux_hrnet.version import __version__

MODULES = {'torch': 'torch', 'mmengine': 'mmengine', 'mmsegmentation': 'mmseg', 'mmcv': 'mmcv', 'numpy': 'numpy'}


@dataclass(frozen=True)
class Sources:
    """What a run was made from; None for what it did without.

    Attributes:
        config: name of the config.
        config_text: the whole config as text: the file, its bases, and what the command line overrode.
        checkpoint: the weights.
        lists: the lists that name the images.
        work_dir: folder of the logs.
        device: what computed the predictions.
        threshold: threshold of the predictions of two classes; None for the most probable class.
    """

    config: str | None = None
    config_text: str | None = None
    checkpoint: Path | None = None
    lists: Sequence[Path] = ()
    work_dir: Path | None = None
    device: str | None = None
    threshold: Threshold | None = None


def run_record(sources: Sources, *, images: int) -> RunRecord:
    """Return the part ``run`` of ``metrics.json``, with the command line of this process and the present time."""
    # A list may be gone, or be a folder for data sets of other packages: the figures are worth keeping all the same.
    lists = [path for path in sources.lists if path.is_file()]
    text, threshold = sources.config_text, sources.threshold
    return {
        'command': list(sys.argv),
        # With the offset from UTC, because a report is read where clocks say something else.
        'date': datetime.now().astimezone().isoformat(timespec='seconds'),
        'config': sources.config,
        'config_sha256': None if text is None else hashlib.sha256(text.encode()).hexdigest(),
        'checkpoint': None if sources.checkpoint is None else str(sources.checkpoint),
        'checkpoint_sha256': None if sources.checkpoint is None else file_digest([sources.checkpoint]),
        'data_list': ' + '.join(map(str, lists)) or None,
        'data_list_sha256': file_digest(lists) if lists else None,
        'images': images,
        'threshold': None if threshold is None else threshold.record(),
        'work_dir': None if sources.work_dir is None else str(sources.work_dir),
        'versions': {
            'mmseg_aux_hrnet': __version__,
            # Of the modules that ran, not of installed distributions: one of them may be installed under another name.
            **{name: str(import_module(module).__version__) for name, module in MODULES.items()},
            'python': platform.python_version(),
        },
        'device': sources.device,
    }


def file_digest(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of a file, or of several after one another, as 64 hexadecimal digits.

    Raises:
        DataError: one cannot be read.
    """
    try:
        with ExitStack() as stack:
            return sha256_of(*(stack.enter_context(path.open('rb')) for path in paths))
    except OSError as error:
        # A disk that fails while it is read names no file.
        named = error.filename or ' + '.join(map(str, paths))
        raise DataError(f'{named} cannot be read ({error.strerror}): the report needs its hash') from error
