"""Stratified random samples of reference pixels: drawn from class maps, read back, reported as areas."""
