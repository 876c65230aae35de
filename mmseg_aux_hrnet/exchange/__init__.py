"""Conversion between the forms of trained weights, and publishing."""
