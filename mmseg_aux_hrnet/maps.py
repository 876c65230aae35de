"""The Python interface to maps: predict a raster, and what follows from its classes. Needs the extra ``geo``."""

from mmseg_aux_hrnet.raster.available import check_available

check_available()

from mmseg_aux_hrnet.areas.zonal import ZonalAreas, zonal_area  # noqa: E402  # needs what was checked
from mmseg_aux_hrnet.inference.mapping import predict_raster  # noqa: E402
from mmseg_aux_hrnet.inference.predictor import Predictor  # noqa: E402
from mmseg_aux_hrnet.inference.settings import MapSettings  # noqa: E402
from mmseg_aux_hrnet.polygons.polygonizing import PolygonSummary, polygonize  # noqa: E402
from mmseg_aux_hrnet.polygons.request import PolygonRequest  # noqa: E402

__all__ = (
    'MapSettings',
    'PolygonRequest',
    'PolygonSummary',
    'Predictor',
    'ZonalAreas',
    'polygonize',
    'predict_raster',
    'zonal_area',
)
