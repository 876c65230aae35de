"""Prints whole tables, also on a narrow screen."""

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

WIDEST = 10_000  # characters: no table has longer lines


def print_tables(console: Console, *tables: Table) -> None:
    """Print tables with all of their columns; lines that are longer than the screen wrap there.

    rich itself leaves whole columns out of a table that is too wide, those of the names first, and takes 80 characters
    for the width of a pipe or a file.
    """
    given, wide = console.width, console.options.update(width=WIDEST)
    for table in tables:
        for column in table.columns:
            if column.no_wrap:  # of such ones rich takes the longest word for enough
                cells = (Measurement.get(console, wide, cell).maximum for cell in (column.header, *column.cells))
                column.min_width = max(column.min_width or 0, *cells)
    try:
        console.width = max(given, *(Measurement.get(console, wide, table).minimum for table in tables))
        console.print(*tables)
    finally:
        console.width = given
