"""Georeferenced rasters: read in windows, described, and written whole. Needs the extra ``geo``; knows no networks."""
