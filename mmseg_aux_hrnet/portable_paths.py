"""Paths as configs of any system write them."""


def portable(path: str) -> str:
    """Return a relative path with the separators that every system reads: those of Windows are not read elsewhere."""
    return path.replace('\\', '/')
