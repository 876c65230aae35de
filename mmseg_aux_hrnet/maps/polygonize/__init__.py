"""Class maps as polygons: traced, merged, simplified, written; nothing here asks for a network."""
