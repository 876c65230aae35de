"""Files on disk: written whole, named safely, and label PNGs."""
