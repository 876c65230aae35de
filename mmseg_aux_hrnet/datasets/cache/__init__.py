"""Keeps decoded tiles in files that are mapped into memory."""

from mmseg_aux_hrnet.datasets.cache.tile_cache import CACHE_GB, Decode, TileCache

__all__ = ('CACHE_GB', 'Decode', 'TileCache')
