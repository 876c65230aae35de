"""Class maps as polygons: traced, merged, simplified, written; no code of the room asks for a network."""
