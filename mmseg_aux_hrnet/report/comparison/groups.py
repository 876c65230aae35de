"""Groups of runs that differ by their seed only, and whether runs can be compared at all."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from mmseg_aux_hrnet.errors import ConfigError, DataError, counted
from mmseg_aux_hrnet.report.comparison.report_folder import Run, read_run


def read_groups(arguments: Sequence[str]) -> dict[str, list[Run]]:
    """Read the reports that a command line names and return the runs of each method by its name.

    Args:
        arguments: ``NAME=DIR,DIR,...`` for the runs of one method, or ``DIR``, which joins all such runs of one config
            under its name; runs without a config go by their folder.

    Raises:
        ConfigError: a name is used twice or empty, a folder is given twice, or there are fewer than two runs.
        DataError: a report cannot be read, or the runs cannot be compared.
    """
    groups: dict[str, list[Run]] = {}
    explicit: set[str] = set()
    folders: set[Path] = set()
    for argument in arguments:
        name, parts = _split(argument)
        if name is not None and name in groups:
            raise ConfigError(f'{argument} uses the name {name} again: give all its folders in one, {name}=DIR,DIR')
        for part in parts:
            # Resolved, because the same report under two names would look like two seeds.
            if (place := Path(part).resolve()) in folders:
                raise ConfigError(f'{part} is given twice: name each report once')
            folders.add(place)
            run = read_run(part)
            key = (Path(run.config).stem or run.folder.resolve().name) if name is None else name
            if name is None and key in explicit:
                raise ConfigError(
                    f'{part} gets the name {key}, which a group has already: give it another name, NAME=DIR'
                )
            groups.setdefault(key, []).append(run)
        if name is not None:
            explicit.add(name)
    check_comparable(groups)
    return groups


def check_comparable(groups: Mapping[str, Sequence[Run]]) -> None:
    """Raise unless all runs are of the same images, labels and classes, and those of a group differ by weights only.

    Raises:
        ConfigError: there are fewer than two runs.
        DataError: names the first two reports that do not go together, and why.
    """
    runs = [run for group in groups.values() for run in group]
    if len(runs) < 2:
        raise ConfigError(f'{len(runs)} report to compare: name at least two folders')
    for run in runs[1:]:
        _check_same_data(runs[0], run)
    for name, group in groups.items():
        for first, run in combinations(group, 2):
            both = f'{first.folder} and {run.folder}, both of the group {name},'
            # The same weights twice would make the deviation of the seeds too small.
            if run.checkpoint_sha256 and run.checkpoint_sha256 == first.checkpoint_sha256:
                raise DataError(
                    f'{both} are of the same checkpoint, so they are not two seeds: give them different names, NAME=DIR'
                )
            if run.threshold != first.threshold:
                thresholds = ' and '.join(str(one.threshold or 'none') for one in (first, run))
                raise DataError(f'{both} have the thresholds {thresholds}: give them different names, NAME=DIR')


def class_of_interest(groups: Mapping[str, Sequence[Run]], name: str | None) -> str:
    """Return the class whose rates are compared: ``name``, else that of the reports.

    Raises:
        ConfigError: it is not a class, or the reports name none or different ones.
    """
    runs = [run for group in groups.values() for run in group]
    first, found = runs[0], {run.class_of_interest for run in runs}
    if name is None and (len(found) > 1 or None in found):
        raise ConfigError(
            f'the reports name no common class of interest: choose one with --class: {", ".join(first.classes)}'
        )
    chosen = name if name is not None else str(first.class_of_interest)
    if chosen not in first.classes:
        raise ConfigError(f'--class {chosen} is not a class of the reports: choose from {", ".join(first.classes)}')
    return chosen


def _split(argument: str) -> tuple[str | None, list[str]]:
    name, equals, folders = argument.partition('=')
    if not equals or Path(argument).exists():  # a folder may have such signs in its name
        return None, [argument]
    parts = [folders] if Path(folders).exists() else folders.split(',')
    if not name.strip() or not all(part.strip() for part in parts):
        raise ConfigError(f'{argument!r}: write NAME=DIR or NAME=DIR,DIR,... with a name and folders')
    return name.strip(), parts


def _check_same_data(first: Run, run: Run) -> None:
    both = f'{first.folder} and {run.folder}'
    if run.classes != first.classes:
        raise DataError(
            f'{both} have other classes ({", ".join(first.classes)} against {", ".join(run.classes)}): compare runs '
            'of one data set'
        )
    if run.images != first.images:
        only = sorted(set(first.images) ^ set(run.images))
        raise DataError(
            f'{both} are of {len(first.images)} and {counted(len(run.images), "image")}, {len(only)} of them in '
            f'one only (such as {only[0]}): test both on the same list'
        )
    # Rows of the counts are the reference: a run that was measured on other labels has other sums of them.
    unlike = (run.counts.sum(axis=2) != first.counts.sum(axis=2)).any(axis=1)
    if unlike.any():
        raise DataError(
            f'{both} have other reference pixels in {counted(int(unlike.sum()), "image")}, such as '
            f'{run.images[int(unlike.argmax())]}: test both on the same labels'
        )
