"""Groups of runs that differ by their seed only, and whether runs can be compared at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.report.comparison.report_folder import Run, read_run


class Group(NamedTuple):
    """Runs of one method under one name."""

    name: str
    runs: tuple[Run, ...]

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Pixel counts, int64 (runs, N, C, C)."""
        return np.stack([run.counts for run in self.runs])


def read_groups(arguments: Sequence[str]) -> list[Group]:
    """Read the reports that a command line names and group them.

    Args:
        arguments: ``NAME=DIR,DIR,...`` for the runs of one method, or ``DIR``, which joins all such runs of one config
            under its name; runs without a config go by their folder.

    Raises:
        ConfigError: a name is used twice or empty, a folder is given twice, or there are fewer than two runs.
        DataError: a report cannot be read, or the runs cannot be compared.
    """
    named: dict[str, list[Run]] = {}
    explicit: set[str] = set()
    folders: set[Path] = set()
    for argument in arguments:
        name, parts = _split(argument)
        if name is not None and name in named:
            raise ConfigError(f'{argument} uses the name {name} again: give all its folders in one, {name}=DIR,DIR')
        for part in parts:
            if (place := Path(part).resolve()) in folders:
                raise ConfigError(f'{part} is given twice: name each report once')
            folders.add(place)
            run = read_run(part)
            key = _own_name(run) if name is None else name
            if name is None and key in explicit:
                raise ConfigError(f'{part} goes by {key}, which is the name of a group already: name it too')
            named.setdefault(key, []).append(run)
        if name is not None:
            explicit.add(name)
    groups = [Group(name, tuple(runs)) for name, runs in named.items()]
    check_comparable(groups)
    return groups


def check_comparable(groups: Sequence[Group]) -> None:
    """Raise unless all runs are of the same images, labels and classes, and those of a group differ by weights only.

    Raises:
        ConfigError: there are fewer than two runs.
        DataError: names the first two reports that do not go together, and why.
    """
    runs = [run for group in groups for run in group.runs]
    if len(runs) < 2:
        raise ConfigError(f'{len(runs)} report to compare: name at least two folders')
    for run in runs[1:]:
        _check_pair(runs[0], run)
    for group in groups:
        for position, run in enumerate(group.runs):
            for other in group.runs[:position]:
                _check_seeds(group.name, other, run)


def class_of_interest(groups: Sequence[Group], name: str | None) -> str:
    """Return the class whose rates are compared: ``name``, else that of the reports.

    Raises:
        ConfigError: it is no class, or the reports name none or different ones.
    """
    first = groups[0].runs[0]
    found = {run.class_of_interest for group in groups for run in group.runs}
    if name is None and (len(found) > 1 or None in found):
        raise ConfigError(
            f'the reports name no common class of interest: choose one by --class, of {", ".join(first.classes)}'
        )
    chosen = name if name is not None else str(first.class_of_interest)
    if chosen not in first.classes:
        raise ConfigError(f'--class {chosen} is no class of the reports: choose from {", ".join(first.classes)}')
    return chosen


def _own_name(run: Run) -> str:
    return Path(run.config).stem or run.folder.resolve().name


def _split(argument: str) -> tuple[str | None, list[str]]:
    name, equals, folders = argument.partition('=')
    if not equals or Path(argument).exists():  # a folder may have such signs in its name
        return None, [argument]
    parts = [folders] if Path(folders).exists() else folders.split(',')
    if not name.strip() or not all(part.strip() for part in parts):
        raise ConfigError(f'{argument!r}: write NAME=DIR or NAME=DIR,DIR,... with a name and folders')
    return name.strip(), parts


def _check_pair(first: Run, run: Run) -> None:
    both = f'{first.folder} and {run.folder}'
    if run.classes != first.classes:
        raise DataError(
            f'{both} have other classes ({", ".join(first.classes)} against {", ".join(run.classes)}): compare runs '
            'of one data set'
        )
    if run.images != first.images:
        only = sorted(set(first.images) ^ set(run.images))
        raise DataError(
            f'{both} are of {len(first.images)} and {len(run.images)} images, {len(only)} of them in one only (such '
            f'as {only[0]}): test both on the same list'
        )
    unlike = (run.counts.sum(axis=2) != first.counts.sum(axis=2)).any(axis=1)
    if unlike.any():
        raise DataError(
            f'{both} have other reference pixels in {int(unlike.sum())} image(s), such as '
            f'{run.images[int(unlike.argmax())]}: test both on the same labels'
        )


def _check_seeds(name: str, first: Run, run: Run) -> None:
    both = f'{first.folder} and {run.folder}, both of the group {name},'
    if run.checkpoint_sha256 and run.checkpoint_sha256 == first.checkpoint_sha256:
        raise DataError(f'{both} are of the same checkpoint, so they are no two seeds: name them apart, NAME=DIR')
    if run.threshold != first.threshold:
        held = ' and '.join(str(one.threshold or 'none') for one in (first, run))
        raise DataError(f'{both} have the thresholds {held}: name them apart, NAME=DIR')
