"""The Python interface to maps: predict a raster, and what follows from its classes. Needs the extra ``geo``."""

from mmseg_aux_hrnet.maps.options import check_available

check_available()

from mmseg_aux_hrnet.maps.measure.zonal import ZonalAreas, zonal_area  # noqa: E402  # needs what was checked
from mmseg_aux_hrnet.maps.polygonize.polygonizing import PolygonSummary, polygonize  # noqa: E402
from mmseg_aux_hrnet.maps.polygonize.request import PolygonRequest  # noqa: E402
from mmseg_aux_hrnet.maps.predict.predictor import Predictor  # noqa: E402
from mmseg_aux_hrnet.maps.predict.raster_map import predict_raster  # noqa: E402
from mmseg_aux_hrnet.maps.predict.settings import MapSettings  # noqa: E402

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
