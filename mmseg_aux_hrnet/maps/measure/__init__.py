"""Areas of the classes of a map on the ground, whole and by zone; no network is needed here."""
