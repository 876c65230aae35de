"""Trained models on georeferenced rasters: from config and checkpoint to a map, window by window."""
