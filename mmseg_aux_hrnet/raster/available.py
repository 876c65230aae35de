"""Says in one line which extra is missing before rasters or polygons are touched."""

from importlib.util import find_spec

from mmseg_aux_hrnet.errors import StackError

GEO = ('rasterio', 'pyproj', 'shapely', 'pyogrio', 'exactextract', 'filelock')
BUILDINGS = ('buildingregulariser',)
PARQUET = ('pyarrow',)


def check_available(modules: tuple[str, ...] = GEO, *, extra: str = 'geo') -> None:
    """Raise unless every module of an extra is installed.

    Raises:
        StackError: names what is missing and the extra to install.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise StackError(f'maps need {", ".join(missing)}: pip install "mmseg-aux-hrnet[{extra}]"')
