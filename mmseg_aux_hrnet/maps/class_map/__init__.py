"""The class map as a file: the GeoTIFF that is written, and the map that is read."""
