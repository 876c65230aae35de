"""Vector files: areas of interest and zones. Needs the extra ``geo``."""
