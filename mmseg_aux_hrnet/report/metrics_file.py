"""The ``metrics.json`` of a report: its name, what it holds, and the one way to read it back."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypedDict, get_args, get_origin, get_type_hints, is_typeddict

from mmseg_aux_hrnet.decision import ThresholdRecord
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.evaluation.metrics import OverallKey

METRICS_FILE = 'metrics.json'
FORMAT = 'mmseg_aux_hrnet report 1'
# Rises with every change of what the file holds. Files without it were written before it was counted and hold the same.
VERSION = 1
WAY = 'tools/test.py and tools/evaluate.py write one by --report DIR'

Value = float | None  # percent or coefficient; None (nan before it is written) where undefined
CountRows = list[list[int]]  # pixels; rows are the reference, columns the prediction
# What is seen to be right at a glance: the counts of thousands of images are millions of numbers, too many to look at
# one by one.
PLAIN: dict[Any, set[type]] = {int: {int}, Value: {float, int, NoneType}}

# Written as a call, because ``class`` cannot be the name of an attribute.
Sweep = TypedDict(
    'Sweep',
    {
        'class': str,
        'thresholds': list[float],
        'precision': list[Value],
        'recall': list[Value],
        'iou': list[Value],
        'f1': list[Value],
        'kappa': list[Value],
        'average_precision': Value,
        'ece': Value,
        'reliability': list[dict[str, Value]],
        'best': dict[Literal['iou', 'f1', 'kappa'], dict[Literal['threshold', 'value'], float] | None],
    },
)


class RunRecord(TypedDict):
    """Where the figures come from; None for what the run did without."""

    command: list[str]
    date: str
    config: str | None
    config_sha256: str | None
    checkpoint: str | None
    checkpoint_sha256: str | None
    data_list: str | None
    data_list_sha256: str | None
    images: int
    threshold: ThresholdRecord | None
    work_dir: str | None
    versions: dict[str, str]
    device: str | None


class ClassRow(TypedDict):
    """The figures of one class; ``color`` is R, G, B, 0 to 255, ``support`` and ``predicted`` are pixels."""

    name: str
    color: list[int] | None
    precision: Value
    recall: Value
    iou: Value
    f1: Value
    support: int
    predicted: int
    boundary_f1: Value
    boundary_iou: Value


class ImageRow(TypedDict):
    """The counts and figures of one image; those of a class by its name."""

    name: str
    image: str
    label: str | None
    counts: CountRows
    oa: Value
    miou: Value
    iou: dict[str, Value]
    f1: dict[str, Value]
    precision: dict[str, Value]
    recall: dict[str, Value]
    pixels: int


class Intervals(TypedDict):
    """The bootstrap intervals: ``values`` has both ends by the title of the metric, ``IoU.<name>`` for a class."""

    level: float
    resamples: int
    seed: int
    method: str
    values: dict[str, list[Value]]


class Report(TypedDict, total=False):
    """All of ``metrics.json``. Who reads one names the parts that must be there, see :func:`read_report`."""

    format: str
    version: int
    run: RunRecord
    classes: list[ClassRow]
    class_of_interest: str | None
    overall: dict[Literal[OverallKey, 'pixels'], Value]
    intervals: Intervals
    boundary: dict[Literal['tolerance_pixels', 'tolerance_metres', 'gsd'], Value]
    rules: list[str]
    confusion_matrix: CountRows
    images: list[ImageRow]
    threshold_sweep: Sweep | None


def read_report(path: str | Path, *, parts: Sequence[str] = ()) -> Report:
    """Return the content of a report.

    Args:
        path: its folder, or the ``metrics.json`` in it.
        parts: keys of :class:`Report` that must be there, whole and of the right types. The others are not looked at,
            so that an older or shortened file still works where they are not needed.

    Raises:
        DataError: there is no report, it cannot be read, it is of another format or a newer version, or a part is
            missing or wrong; names the first such place.
    """
    path = Path(path)
    file = path / METRICS_FILE if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding='utf-8'))
    except FileNotFoundError as error:
        what = f'holds no {METRICS_FILE}, so it is not a report' if path.is_dir() else 'is not there'
        raise DataError(f'{path} {what}: {WAY}') from error
    except OSError as error:
        raise DataError(f'{file} cannot be read ({error.strerror}): {WAY}') from error
    except (ValueError, RecursionError) as error:
        raise DataError(f'{file} is not JSON ({error}): {WAY}') from error
    found = content.get('format') if isinstance(content, dict) else None
    if found != FORMAT:
        raise DataError(f'{file} has the format {found!r}, and {FORMAT!r} is read here: write the report again')
    version = content.get('version', 1)
    if not isinstance(version, int) or version > VERSION:
        raise DataError(f'{file} has version {version!r}, and up to {VERSION} is read here: update mmseg_aux_hrnet')
    hints = _hints(Report)
    for part in parts:
        fault = _fault(content[part], hints[part], part) if part in content else f'{part} is missing'
        if fault is not None:
            raise DataError(f'{file} is damaged or was edited ({fault}): write the report again')
    report: Report = content
    return report


@cache  # a report has thousands of images, and Python reads the hints again for each of them
def _hints(form: Any) -> dict[str, Any]:
    return get_type_hints(form)


def _fault(value: Any, form: Any, place: str) -> str | None:
    """Return in words what keeps a value from being of a type, None where nothing does."""
    origin, inner = get_origin(form), get_args(form)
    if origin is UnionType:
        # None or one type: that type says what is wrong with the value.
        return None if value is None else _fault(value, next(one for one in inner if one is not NoneType), place)
    if is_typeddict(form) or origin is dict:
        if not isinstance(value, dict):
            return f'{place} is {value!r:.40}, not an object'
        types = _hints(form) if is_typeddict(form) else {}
        needed = get_args(inner[0]) if origin is dict else [key for key in types if key in form.__required_keys__]
        missing = next((key for key in needed if key not in value), None)
        if missing is not None:
            return f'{place}.{missing} is missing'
        of_others = inner[1] if origin is dict else Any  # a newer version may have added a key
        if set(map(type, value.values())) <= PLAIN.get(of_others, set()):
            return None
        found = [(item, types.get(key, of_others), f'{place}.{key}') for key, item in value.items()]
    elif origin is list:
        if not isinstance(value, list):
            return f'{place} is {value!r:.40}, not a list'
        if set(map(type, value)) <= PLAIN.get(inner[0], set()):
            return None
        found = [(item, inner[0], f'{place}[{index}]') for index, item in enumerate(value)]
    else:
        # JSON does not tell 50 from 50.0, and Python takes True for a number.
        word = {float: 'a number', int: 'a whole number', str: 'a text'}.get(form, '')
        allowed = (int, float) if form is float else form if word else object
        right = isinstance(value, allowed) and not (word and isinstance(value, bool))
        return None if right else f'{place} is {value!r:.40}, not {word}'
    return next((fault for part in found if (fault := _fault(*part)) is not None), None)
