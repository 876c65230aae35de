"""Gives each image of a run a file of its own in an output folder."""

import os
from pathlib import Path

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.files.outputs import same_file


class OutputFiles:
    """Names of the files that a run writes, ``<stem of the image>.png``; no input and no other image's file is hit.

    Args:
        folder: made if missing.

    Raises:
        DataError: the folder cannot be made.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._images: dict[str, str] = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f'output folder {folder} cannot be made ({error.strerror}); choose a folder that is writable'
            ) from error

    def target(self, image_path: str, *, label_path: str | None) -> Path:
        """Return the file for an image.

        Raises:
            DataError: another image has that name, or the image or its label would be overwritten.
        """
        target = self.folder / claim_name(self._images, image_path)
        for source in (image_path, label_path):
            if source and same_file(Path(source), target):
                raise DataError(f'{target} is an input and would be overwritten: choose another output folder')
        return target


def claim_name(images: dict[str, str], image_path: str) -> str:
    """Return the file name for an image and note it in ``images``; refuse a name that another image has.

    Raises:
        DataError: names both images.
    """
    name = f'{Path(image_path).stem}.png'
    # Windows does not tell A.png from a.png.
    holder = images.setdefault(os.path.normcase(name), image_path)
    if holder != image_path:
        raise DataError(
            f'{holder} and {image_path} would both be written to {name}: rename one, or predict them in two runs '
            'with different output folders'
        )
    return name


def portable(path: str) -> str:
    """Return a relative path with the separators that every system reads: those of Windows are not read elsewhere."""
    return path.replace('\\', '/')
