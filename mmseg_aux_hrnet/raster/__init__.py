"""Georeferenced rasters: found, opened, and read in windows of 8-bit RGB with the pixels that are valid.

Needs the extra ``geo``. What must work without it imports this room where a georeferenced file is at hand.
"""

from importlib.util import find_spec

from mmseg_aux_hrnet.errors import StackError

MISSING = [name for name in ('rasterio', 'shapely') if find_spec(name) is None]
if MISSING:
    raise StackError(f'georeferenced files need {" and ".join(MISSING)}: pip install "mmseg-aux-hrnet[geo]"')
