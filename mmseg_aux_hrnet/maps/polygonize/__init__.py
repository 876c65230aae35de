"""Class maps as polygons: traced, merged, simplified, written; no network is needed here."""
