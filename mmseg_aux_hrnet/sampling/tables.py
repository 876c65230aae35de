"""Tables of a sample: written with the points that were drawn, read with their reference classes filled in."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.errors import DataError, counted
from mmseg_aux_hrnet.sampling.drawing import Point

HEADINGS = ('map_file', 'row', 'column', 'map', 'reference')
PLACE = ('x', 'y', 'crs')  # of the centre of the pixel, where the map has a place


def sample_text(points: Sequence[Point]) -> str:
    """Return the CSV of a drawn sample; the column of the reference is empty, for the interpreter to fill in."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    placed = any(point.place is not None for point in points)
    writer.writerow([*HEADINGS[:3], *(PLACE if placed else ()), *HEADINGS[3:]])
    for point in points:
        place = [f'{v:.12g}' if isinstance(v, float) else v for v in point.place or ('', '', '')] if placed else []
        writer.writerow([point.map_file.as_posix(), point.row, point.column, *place, point.map_class, ''])
    return text.getvalue()


def read_sample(path: str | Path, *, classes: Sequence[str]) -> NDArray[np.int64]:
    """Return how many points of each map class, the rows, have each reference class, int64 (C, C).

    Args:
        path: CSV with the columns ``map`` and ``reference``, which hold names of classes; others may be there.
        classes: names of the C classes.

    Raises:
        DataError: the file cannot be read, lacks a column or points, or a line has no class or an unknown one.
    """
    rows = table_rows(path, needed=('map', 'reference'))
    counts = np.zeros((len(classes), len(classes)), np.int64)
    indices = {name: index for index, name in enumerate(classes)}
    for line, row in rows:
        place = []
        for column in ('map', 'reference'):
            name = row[column]
            if name not in indices:
                what = f'no {column} class' if not name else f'the {column} class {name!r}'
                raise DataError(
                    f'{path} line {line} has {what}: allowed are {", ".join(classes)}; points that are left out make '
                    'the estimate wrong, so give each one a class'
                )
            place.append(indices[name])
        counts[place[0], place[1]] += 1
    return counts


def table_rows(path: str | Path, *, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Return the lines of a CSV by heading, with their numbers; blank lines are left out.

    Args:
        path: commas or semicolons between the cells, headings in the first line.
        needed: headings that must be there.

    Raises:
        DataError: the file cannot be read, is not a table, or lacks a heading or lines.
    """
    text = read_text(path)
    delimiter = ';' if ';' in text.split('\n', 1)[0] else ','  # spreadsheets of many countries write semicolons
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=delimiter)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise DataError(f'{path} is not a CSV table ({error}): save it as CSV in UTF-8') from error
    headings = lines[0][1] if lines else []
    missing = [name for name in needed if headings.count(name) != 1]
    if missing or len(lines) < 2:
        raise DataError(
            f'{path} has the columns {", ".join(headings) or "none"} and '
            f'{counted(max(len(lines) - 1, 0), "line")} below: it needs {" and ".join(needed)} once each in its first '
            'line, and lines below'
        )
    for number, cells in lines:
        if len(cells) != len(headings):
            raise DataError(
                f'{path} line {number} has {counted(len(cells), "cell")} below a head of {len(headings)}: correct it'
            )
    return [(number, dict(zip(headings, cells, strict=True))) for number, cells in lines[1:]]


def read_text(path: str | Path) -> str:
    """Return the text of a file.

    Raises:
        DataError: it cannot be read or is not UTF-8.
    """
    try:
        # Spreadsheets put a byte order mark in front, which would become a part of the first heading.
        return Path(path).read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise DataError(f'{path} is not UTF-8 text at byte {error.start}: save it as UTF-8') from error
    except OSError as error:
        raise DataError(f'{path} cannot be read ({error.strerror}): check the name') from error
