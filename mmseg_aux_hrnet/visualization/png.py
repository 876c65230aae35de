"""Writes pictures as PNG files that appear whole: a picture of a run is looked at while it is drawn anew."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmseg_aux_hrnet.files.whole import write_whole

if TYPE_CHECKING:  # see confusion_matrix
    from matplotlib.figure import Figure

DOTS = 110  # of a figure, per inch


def save_figure(path: str | Path, figure: 'Figure') -> None:
    """Write a figure of matplotlib.

    Raises:
        OSError: it cannot be written; what was at ``path`` stays.
    """
    content = BytesIO()
    figure.savefig(content, dpi=DOTS, format='png')
    write_whole(path, content.getvalue())


def save_picture(path: str | Path, pixels: NDArray[np.uint8]) -> None:
    """Write a picture, RGB, uint8 (H, W, 3).

    Raises:
        OSError: it cannot be written; what was at ``path`` stays.
    """
    content = BytesIO()
    Image.fromarray(pixels).save(content, 'PNG')
    write_whole(path, content.getvalue())
