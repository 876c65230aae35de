"""Seeded artificial aerial scenes with exact labels, for trying the tools without any data."""
