"""Says whether PROJ has a grid file, without which the operations between some reference systems are metres off."""

import warnings

import pytest
from pyproj.transformer import TransformerGroup


def lacks_grid() -> None:
    """Skip where the grid file of OSGB36 is installed or may be fetched: operations are exact there."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)
        if TransformerGroup(27700, 25831).best_available:
            pytest.skip('needs PROJ without the grid file of OSGB36: run with its own data and PROJ_NETWORK=OFF')
