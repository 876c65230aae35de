"""Georeferenced rasters: found, opened, and read in windows of 8-bit RGB with the pixels that are valid."""
