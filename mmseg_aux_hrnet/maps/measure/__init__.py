"""Areas of the classes of a map on the ground, whole and by zone; nothing here asks for a network."""
