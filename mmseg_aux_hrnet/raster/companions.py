"""Removes the files beside a vector file that belong to it, before another takes its name."""

from pathlib import Path

# The suffix and those that come in its place or, from a hyphen on, after it.
COMPANIONS = {
    '.shp': ('.shp', '.shx', '.dbf', '.prj', '.cpg', '.qpj', '.sbn', '.sbx', '.qix'),
    # Of SQLite, from a program that has the old file open or was killed; beside a new file they bring the old one back.
    '.gpkg': ('-wal', '-shm', '-journal'),
}


def remove_companions(path: Path) -> None:
    """Remove what lies beside a vector file of the name and belongs to it; of a Shapefile itself too.

    Raises:
        OSError: one cannot be removed.
    """
    for suffix in COMPANIONS.get(path.suffix.lower(), ()):
        companion = path.with_suffix(suffix) if suffix.startswith('.') else path.with_name(path.name + suffix)
        companion.unlink(missing_ok=True)
