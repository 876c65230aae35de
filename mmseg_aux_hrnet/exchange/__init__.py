"""Conversion between the forms in which people hold trained weights, and publishing."""
