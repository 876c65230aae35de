"""Writes pictures as PNG files that appear whole: somebody may look at a picture of a run while it is drawn again."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmseg_aux_hrnet.files.whole import own_part, whole_file

if TYPE_CHECKING:  # see confusion_matrix
    from matplotlib.figure import Figure

DOTS = 110  # of a figure, per inch


def save_figure(path: str | Path, figure: 'Figure') -> None:
    """Write a figure of matplotlib.

    Raises:
        OSError: it cannot be written; what was at ``path`` stays.
    """
    with whole_file(path, part=own_part(Path(path))) as part:
        figure.savefig(part, dpi=DOTS, format='png')


def save_picture(path: str | Path, pixels: NDArray[np.uint8], *, durable: bool = True) -> None:
    """Write a picture.

    Args:
        path: the file to write.
        pixels: RGB, uint8 (H, W, 3).
        durable: as in :func:`~mmseg_aux_hrnet.files.whole.whole_file`.

    Raises:
        OSError: it cannot be written; what was at ``path`` stays.
    """
    with whole_file(path, part=own_part(Path(path)), durable=durable) as part:
        Image.fromarray(pixels).save(part, format='PNG')
