"""Shows a comparison on the screen."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmseg_aux_hrnet.comparison.cells import Cells, difference_cells, notes, rate_cells
from mmseg_aux_hrnet.comparison.comparison import Comparison


def show(comparison: Comparison, *, console: Console) -> None:
    """Print the rates, the differences where there are any, and the notes."""
    console.print(_table(rate_cells(comparison)))
    if len(comparison.rows) > 1:
        console.print(_table(difference_cells(comparison)))
    for note in notes(comparison):
        console.print(Text(note))


def _table(cells: Cells) -> Table:
    table = Table(title=Text(cells.title), box=box.SIMPLE, title_justify='left')
    table.add_column(Text(cells.headings[0]), overflow='fold')
    for index, heading in enumerate(cells.headings[1:], start=1):
        table.add_column(Text(heading), justify='left' if index < cells.words else 'right', no_wrap=True)
    previous = ''
    for row in cells.rows:
        name = row[0] if row[0] != previous else ''
        # As Text, because names may hold square brackets; deviations below, so that 80 columns are enough.
        table.add_row(*(Text(cell.replace(' ± ', '\n± ')) for cell in (name, *row[1:])))
        previous = row[0]
    return table
