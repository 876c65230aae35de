"""Areas of the classes of a map on the ground, whole and by zone. Needs the extra ``geo``; knows no networks."""

from mmseg_aux_hrnet.maps.options import check_available

check_available()
