"""Areas of the classes of a map on the ground, whole and by zone; no code of the room asks for a network."""
