"""Maps as GeoTIFF: those of classes and of probabilities are written, those of classes read again."""
