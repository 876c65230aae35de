"""The line that names a missing extra."""

import importlib.util
import sys

import pytest
from tool_support import heard

from mmseg_aux_hrnet.errors import StackError
from mmseg_aux_hrnet.maps.options import check_available


def test_what_is_there_passes():
    check_available(('json', 'csv'))


def test_what_is_missing_is_named_with_its_extra():
    with pytest.raises(StackError, match=r'maps need no_such_module: pip install "mmseg-aux-hrnet\[geo\]"'):
        check_available(('json', 'no_such_module'))


@pytest.mark.parametrize(
    'command',
    [('area', 'a.tif'), ('polygonize', 'a.tif', 'b.gpkg'), ('predict_raster', 'c.py', 'a.pth', 'a.tif', '--out', 'o')],
    ids=lambda command: command[0],
)
def test_tools_say_it_too(command, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None if name == 'pyogrio' else find_spec(name))
    for name in [name for name in sys.modules if name.startswith('mmseg_aux_hrnet.maps')]:
        monkeypatch.delitem(sys.modules, name)
    said = heard(*command)
    assert (said.returncode, said.stdout) == (2, '')
    assert said.stderr == 'error: maps need pyogrio: pip install "mmseg-aux-hrnet[geo]"\n'
