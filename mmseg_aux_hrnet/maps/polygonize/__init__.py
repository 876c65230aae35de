"""Class maps as polygons: traced, merged, simplified, written. Needs the extra ``geo``; knows no networks."""

from mmseg_aux_hrnet.maps.options import check_available

check_available()
