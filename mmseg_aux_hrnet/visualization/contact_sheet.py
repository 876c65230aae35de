"""Draws several tiles with their references and predictions on one sheet: arrays in, an array out."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.visualization.overlay import ERRORS, INK, PAPER, RGB, ClassMap, Word, overlay_both, shown_colours

CELL = 200  # pixels, the longer side of a tile on the sheet
GAP = 4  # pixels between the cells of a tile
MARGIN = 14  # pixels around a tile's row
TITLE_HEIGHT = 35  # pixels
LINE_HEIGHT = 19  # pixels, of the legend
SWATCH = 11  # pixels
NOTE_HEIGHT = 20  # pixels, the line below a tile
TITLE_SIZE, TEXT_SIZE = 18, 13
ABREAST = 2  # tiles beside each other


class SheetTile(NamedTuple):
    """A tile as small as it is drawn.

    Attributes:
        image: RGB, uint8 (H, W, 3).
        prediction: classes, uint8 (H, W).
        label: classes, uint8 (H, W), or None.
        note: the line below it, such as its name and IoU.
    """

    image: RGB
    prediction: ClassMap
    label: ClassMap | None
    note: str


def shrink(image: RGB, prediction: ClassMap, label: ClassMap | None, *, note: str) -> SheetTile:
    """Return a tile of at most ``CELL`` pixels on its longer side, enlarged where it is smaller.

    Args:
        image: RGB, uint8 (H, W, 3).
        prediction: classes, uint8 (H, W).
        label: classes, uint8 (H, W), or None.
        note: the line below it.
    """
    height, width = prediction.shape
    scale = CELL / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(image).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST)
    predicted, *labelled = (
        np.asarray(Image.fromarray(classes).resize(size, Image.Resampling.NEAREST))
        for classes in (prediction, label)
        if classes is not None
    )
    return SheetTile(np.asarray(picture), predicted, labelled[0] if labelled else None, note)


def draw_contact_sheet(tiles: Sequence[SheetTile], *, title: str, classes: Classes, ignore_index: int) -> RGB:
    """Return the sheet: of each tile the image, the reference and the prediction, two tiles abreast.

    With two classes the prediction is coloured by its errors, otherwise by class.

    Args:
        tiles: at least one, of :func:`shrink`.
        title: the line above all.
        classes: names, colours and the class of interest.
        ignore_index: label of the pixels that do not count.
    """
    strips = [_strip(tile, classes, ignore_index=ignore_index) for tile in tiles]
    width = max(strip.shape[1] for strip in strips) + MARGIN
    rows = [range(first, min(first + ABREAST, len(strips))) for first in range(0, len(strips), ABREAST)]
    heights = [max(strips[index].shape[0] for index in row) + NOTE_HEIGHT + MARGIN for row in rows]
    words = [(classes.names[index], colour) for index, colour in shown_colours(classes).items()]
    if len(classes.names) == 2:
        [(name, colour)] = words
        words = [(f'{name}, {ERRORS[0][0]}', colour), *ERRORS[1:]]
    head = _head(
        title, [('image | reference | prediction:', INK), *words], width=min(ABREAST, len(strips)) * width + MARGIN
    )
    sheet = Image.new('RGB', (head.width, head.height + sum(heights)), PAPER)
    sheet.paste(head)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=TEXT_SIZE)
    top = head.height
    for row, height in zip(rows, heights, strict=True):
        for column, index in enumerate(row):
            left = MARGIN + column * width
            sheet.paste(Image.fromarray(strips[index]), (left, top))
            draw.text((left, top + strips[index].shape[0] + 3), tiles[index].note, fill=INK, font=font)
        top += height
    return np.asarray(sheet)


def _strip(tile: SheetTile, classes: Classes, *, ignore_index: int) -> RGB:
    """Return image, reference and prediction side by side; an empty cell stands for a reference that is not there."""
    reference, predicted = overlay_both(
        tile.image, tile.prediction, tile.label, classes=classes, ignore_index=ignore_index
    )
    empty, gap = np.full_like(tile.image, 235), np.full((tile.image.shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([tile.image, gap, empty if reference is None else reference, gap, predicted], axis=1)


def _head(title: str, words: Sequence[Word], *, width: int) -> Image.Image:
    """Return the title and the legend, which goes on in a further line where ``width`` is used up."""
    heading, font = ImageFont.load_default(size=TITLE_SIZE), ImageFont.load_default(size=TEXT_SIZE)
    width = max(width, round(heading.getlength(title)) + 2 * MARGIN)
    places, x, y = [], float(MARGIN), TITLE_HEIGHT
    for word, colour in words:
        swatch = 0 if colour is INK else SWATCH + 5
        length = swatch + font.getlength(word)
        if x + length > width - MARGIN and x > MARGIN:
            x, y = float(MARGIN), y + LINE_HEIGHT
        places.append((x, y, swatch))
        x += length + 14
    head = Image.new('RGB', (width, y + LINE_HEIGHT + 4), PAPER)
    draw = ImageDraw.Draw(head)
    draw.text((MARGIN, 8), title, fill=INK, font=heading)
    for (word, colour), (x, y, swatch) in zip(words, places, strict=True):
        if swatch:
            draw.rectangle((x, y + 2, x + SWATCH, y + 2 + SWATCH), fill=colour, outline=INK)
        draw.text((x + swatch, y), word, fill=INK, font=font)
    return head
