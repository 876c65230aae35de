"""Geometries that shapely has no types for, and reads as nothing: surfaces, and what no standard knows."""

from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from mmseg_aux_hrnet.errors import DataError, counted, first_names

SURFACES = {15: 'PolyhedralSurface', 16: 'TIN', 17: 'Triangle'}  # by the codes of WKB


def refuse_surfaces(
    source: str | Path, wkb: NDArray[np.object_], geometries: NDArray[np.object_], numbers: NDArray[np.generic]
) -> None:
    """Raise where rows hold what shapely reads as nothing: it would be taken for a row without a geometry.

    Args:
        source: the file, for the message.
        wkb: of each row, None where it has no geometry.
        geometries: the same, as shapely reads them.
        numbers: of the rows, as GDAL counts them.

    Raises:
        DataError: names the rows.
    """
    codes = [None if raw is None else int.from_bytes(raw[1:5], 'little' if raw[0] else 'big') for raw in wkb]
    for kind, name in SURFACES.items():
        # ISO adds 1000 to the code for heights, 2000 for measures; older programs set the upper bits.
        of_kind = [place for place, code in enumerate(codes) if code is not None and (code & 0xFFFF) % 1000 == kind]
        if of_kind:
            raise DataError(
                f'{source}: {counted(len(of_kind), "geometry")} of type {name} (fid {first_names(numbers[of_kind])}), '
                'which is no polygon: make polygons of them, as ogr2ogr -nlt MULTIPOLYGON does'
            )
    unknown = shapely.is_missing(geometries) & np.array([code is not None for code in codes], bool)
    if unknown.any():
        raise DataError(f'{source}: geometries cannot be understood (fid {first_names(numbers[unknown])}): repair them')
