"""From a file of 0.x to a file of 1.x."""

import tempfile
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.migration.building import check_builds
from mmseg_aux_hrnet.migration.config_text import config_text
from mmseg_aux_hrnet.migration.old_config import plain, read_old_config
from mmseg_aux_hrnet.migration.report import Report
from mmseg_aux_hrnet.migration.whole_config import migrate
from mmseg_aux_hrnet.whole_files import write_whole


def migrate_file(old: str | Path, new: str | Path, *, overwrite: bool) -> Report:
    """Write the config at ``old`` as one of 1.x to ``new``, with notes on its top, and return the notes.

    What is written builds: its model, pipelines, hooks, optimizer and schedule were built once.

    Args:
        old: config of 0.x, with its ``_base_`` files beside it; it is run.
        new: the file to write, whole or not at all.
        overwrite: whether ``new`` may exist.

    Raises:
        ConfigError: ``old`` cannot be read or migrated, or ``new`` cannot be written.
    """
    old, new = Path(old), Path(new)
    _check_target(old, new, overwrite=overwrite)
    report = Report()
    config = _migrated(old, report=report)
    first = f'Made from {old.name}, a config of MMSegmentation 0.x, by tools/migrate_config.py of mmseg-aux-hrnet.'
    text = config_text(config, comments=[first, *report.lines()])
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / 'trial.py'
        trial.write_text(text, encoding='utf-8', newline='\n')
        read = Config.fromfile(trial)
    assert plain(read.to_dict()) == plain(config)  # what was written is what was meant
    check_builds(read)
    try:
        write_whole(new, text.encode('utf-8'))
    except OSError as error:
        raise ConfigError(f'{new} cannot be written ({error.strerror}): choose another file') from error
    return report


def _migrated(old: Path, *, report: Report) -> dict[str, Any]:
    values = read_old_config(old, report=report)
    try:
        return migrate(values, report=report)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        if isinstance(error, ConfigError):
            raise ConfigError(f'{old}: {error}') from error
        near = f' near {report.reading}' if report.reading else ''
        raise ConfigError(f'{old}: a setting{near} is of another form than in 0.x: {error!r}') from error


def _check_target(old: Path, new: Path, *, overwrite: bool) -> None:
    if new.suffix != '.py':
        raise ConfigError(f'{new} is no name of a config: let it end in .py')
    if new.resolve() == old.resolve():
        raise ConfigError(f'{new} is the config to read: give the new one a name of its own')
    if new.is_dir():
        raise ConfigError(f'{new} is a folder: name a file in it')
    if new.exists() and not overwrite:
        raise ConfigError(f'{new} exists: choose another file, or give --overwrite')
