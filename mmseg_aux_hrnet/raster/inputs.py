"""Finds the rasters that a command line names: files, folders, patterns, addresses and lists of them."""

import glob
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmseg_aux_hrnet.errors import DataError, RasterError, counted
from mmseg_aux_hrnet.files.address import Address, as_path
from mmseg_aux_hrnet.raster.dataset import is_map, open_dataset
from mmseg_aux_hrnet.raster.listing import LISTS, listed_rasters

RASTERS = ('.tif', '.tiff', '.vrt', '.jp2', '.img')
WORLD_FILES = {  # suffixes of the small text file that gives a picture coordinates
    '.png': ('.pgw', '.pngw', '.wld'),
    '.jpg': ('.jgw', '.jpgw', '.wld'),
    '.jpeg': ('.jgw', '.jpegw', '.wld'),
}
logger = logging.getLogger(__name__)


def find_rasters(inputs: Sequence[str | Path], *, as_named: bool = False, asset: str | None = None) -> list[Path]:
    """Return the rasters of files, folders, patterns, addresses and lists, sorted, each once.

    Of a folder those are taken that lie in it itself: GeoTIFF, VRT, JPEG 2000, IMG, and PNG and JPEG with a world file.
    Maps that were predicted are left out of folders and patterns with a warning, so that nothing predicts its own
    results. A file that is named is taken, whatever it is. Addresses are not opened yet.

    Args:
        inputs: the words of a command line, or paths.
        as_named: in the order of the inputs and lists instead, each raster where it is named last; those of a folder or
            pattern sorted.
        asset: of items of STAC, see :func:`~mmseg_aux_hrnet.raster.listing.listed_rasters`.

    Raises:
        ConfigError: an address is of a kind that cannot be read, or an item does not have the asset.
        DataError: an input does not exist, cannot be listed, or does not hold a raster.
    """
    found: dict[Path, Path] = {}
    for text in inputs:
        try:
            for path in _rasters_of(text, asset=asset):
                found.pop(path.resolve(), None)
                found[path.resolve()] = path
        except OSError as error:
            raise DataError(f'{text} cannot be read ({error.strerror}): check its name and rights') from error
    return list(found.values()) if as_named else sorted(found.values())


def _rasters_of(given: str | Path, *, asset: str | None) -> list[Path]:
    path, text = as_path(given), str(given)
    if path.suffix.lower() in LISTS and (isinstance(path, Address) or path.is_file()):
        return listed_rasters(path, asset=asset)
    if isinstance(path, Address):
        if '*' in str(path) or str(path).endswith('/'):
            raise DataError(
                f'{path}: folders and patterns on servers are not listed: name files, or give a list (.txt)'
            )
        return [path]
    if path.is_dir():
        entries = list(path.iterdir())
        names = {entry.name.lower() for entry in entries}
        images = [
            entry
            for entry in entries
            if entry.is_file()
            and (
                entry.suffix.lower() in RASTERS
                or any(f'{entry.stem}{world}'.lower() in names for world in WORLD_FILES.get(entry.suffix.lower(), ()))
            )
        ]
        return _without_maps(images, of=f'folder {text}', hint=f'for deeper ones give "{path / "**" / "*.tif"}"')
    if path.exists():
        return [path]
    if not glob.has_magic(text):
        raise DataError(f'{text} does not exist: name raster files, folders or patterns such as "ortho/*.tif"')
    matches = (Path(match) for match in glob.glob(text, recursive=True))
    images = [match for match in matches if match.suffix.lower() in (*RASTERS, *WORLD_FILES) and match.is_file()]
    return _without_maps(images, of=f'pattern {text}', hint='correct it, or name the files')


def _without_maps(paths: Iterable[Path], *, of: str, hint: str) -> list[Path]:
    images: list[Path] = []
    maps: list[Path] = []
    for path in sorted(paths):
        try:
            # Its tags tell, not its name: maps may have been renamed, and images may be called _classes.
            with open_dataset(path) as dataset:
                predicted = is_map(dataset.tags())
        except RasterError:  # it fails in its own turn, with a message of its own
            predicted = False
        (maps if predicted else images).append(path)
    if maps:
        logger.warning('%s: left out %s, such as %s', of, counted(len(maps), 'predicted map'), min(maps).name)
    if not images:
        raise DataError(f'no raster is in {of}{" except predicted maps" if maps else ""}: {hint}')
    return images
