"""The Python interface to maps: predict a raster, and what follows from its classes. Needs the extra ``geo``."""

from mmseg_aux_hrnet.maps.options import check_available

check_available()

from mmseg_aux_hrnet.maps.change.transitions import ChangeAreas, change_areas  # noqa: E402  # needs what was checked
from mmseg_aux_hrnet.maps.indices.thresholding import (  # noqa: E402
    IndexThresholds,
    index_thresholds,
    write_vegetation_mask,
)
from mmseg_aux_hrnet.maps.measure.zonal import ZonalAreas, zonal_area  # noqa: E402
from mmseg_aux_hrnet.maps.polygonize.polygonizing import PolygonSummary, polygonize  # noqa: E402
from mmseg_aux_hrnet.maps.polygonize.request import PolygonRequest  # noqa: E402
from mmseg_aux_hrnet.maps.predict.predictor import Predictor  # noqa: E402
from mmseg_aux_hrnet.maps.predict.raster_map import predict_raster  # noqa: E402
from mmseg_aux_hrnet.maps.predict.settings import MapSettings  # noqa: E402

__all__ = (
    'ChangeAreas',
    'IndexThresholds',
    'MapSettings',
    'PolygonRequest',
    'PolygonSummary',
    'Predictor',
    'ZonalAreas',
    'change_areas',
    'index_thresholds',
    'polygonize',
    'predict_raster',
    'write_vegetation_mask',
    'zonal_area',
)
