"""Turns configs of MMSegmentation 0.x into ones of 1.x; ``migrate.py`` is where to begin."""
