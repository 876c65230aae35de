"""The ``metrics.json`` of a report: its name, its format, and the one way to read it back."""

import json
from pathlib import Path
from typing import Any

from mmseg_aux_hrnet.errors import DataError

METRICS_FILE = 'metrics.json'
FORMAT = 'mmseg_aux_hrnet report 1'
WAY = 'tools/test.py and tools/evaluate.py write one by --report DIR'


def read_report(path: str | Path) -> dict[str, Any]:
    """Return the content of a report.

    Args:
        path: its folder, or the ``metrics.json`` in it.

    Raises:
        DataError: there is none, it cannot be read, or it is of another format.
    """
    path = Path(path)
    file = path / METRICS_FILE if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding='utf-8'))
    except FileNotFoundError as error:
        what = f'holds no {METRICS_FILE}, so it is no report' if path.is_dir() else 'is not there'
        raise DataError(f'{path} {what}: {WAY}') from error
    except OSError as error:
        raise DataError(f'{file} cannot be read ({error.strerror}): {WAY}') from error
    except (ValueError, RecursionError) as error:
        raise DataError(f'{file} is no JSON ({error}): {WAY}') from error
    found = content.get('format') if isinstance(content, dict) else None
    if not isinstance(content, dict) or found != FORMAT:
        raise DataError(f'{file} has the format {found!r}, and {FORMAT!r} is read here: write the report again')
    return content
