"""Georeferenced rasters: found, opened, and read in windows of 8-bit RGB with the pixels that are valid.

Needs the extra ``geo``. What must work without it imports this room where a georeferenced file is at hand.
"""

from importlib.util import find_spec

from mmseg_aux_hrnet.errors import StackError

if find_spec('rasterio') is None:
    raise StackError('georeferenced files need rasterio: pip install "mmseg-aux-hrnet[geo]"')
