"""Tables keep their columns on a narrow screen and in a pipe."""

import io

import numpy as np
import pytest
from areas_support import square, write_map, write_zones
from rich.console import Console
from rich.table import Table
from tool_support import heard

from mmseg_aux_hrnet.screen import print_tables


@pytest.mark.parametrize('width', [10, 40, 200])
def test_no_column_is_left_out(width):
    headings = [f'heading {number}' for number in range(12)]
    table = Table(*headings)
    table.add_row(*map(str, range(100, 112)))
    console = Console(file=io.StringIO(), width=width)
    print_tables(console, table, table)
    said = console.file.getvalue()
    assert all(said.count(str(number)) == 2 for number in range(100, 112))
    assert console.width == width


def test_words_are_folded_where_there_is_room_for_less():
    table = Table()
    table.add_column('name', overflow='fold')
    table.add_row('n ' * 50)
    console = Console(file=io.StringIO(), width=30)
    print_tables(console, table)
    assert console.file.getvalue().count('n') == 50 + 1
    assert max(map(len, console.file.getvalue().splitlines())) <= 30


def test_tools_in_a_pipe_show_every_column(tmp_path, monkeypatch):
    monkeypatch.setenv('COLUMNS', '40')
    made = write_map(tmp_path / 'map.tif', np.eye(10))
    zones = write_zones(tmp_path / 'z.gpkg', [square(0, 0, 8)], name=['a long name of a quarter'])
    said = heard('area', made, '--zones', zones, '--id-field', 'name').stdout
    assert all(heading in said for heading in ('name', 'class', 'm²', 'ha', 'valid %', 'no data %', 'covered %'))
    assert all(figure in said for figure in ('56.0', '0.006', '87.50', '12.50', '100.00'))
