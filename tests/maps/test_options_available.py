"""The line that names a missing extra."""

import pytest

from mmseg_aux_hrnet.errors import StackError
from mmseg_aux_hrnet.maps.options import check_available


def test_what_is_there_passes():
    check_available(('json', 'csv'))


def test_what_is_missing_is_named_with_its_extra():
    with pytest.raises(StackError, match=r'maps need no_such_module: pip install "mmseg-aux-hrnet\[geo\]"'):
        check_available(('json', 'no_such_module'))
