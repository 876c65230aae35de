"""Draws predictions over images: arrays in, arrays out."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mmseg_aux_hrnet.classes import Classes, Colour

RGB = NDArray[np.uint8]
ClassMap = NDArray[np.uint8]
Word = tuple[str, Colour]

CAPTION_HEIGHT = 26  # pixels, of one line
LINE_HEIGHT = 20  # pixels, of each further one
SWATCH = 13  # pixels, with the gap behind it
WORD_GAP = 10  # pixels
GAP = 6  # pixels between panels
PANEL_WIDTH = 300  # pixels at least, for the words above
FONT_SIZE = 14
INK: Colour = (40, 40, 40)
PAPER: Colour = (255, 255, 255)
# Blue, yellow and vermilion of Okabe and Ito (Color Universal Design, 2008). A test of report/page measures how far
# apart they are in simulated colour blindness.
CORRECT: Colour = (0, 114, 178)
FALSE_ALARM: Colour = (240, 228, 66)
MISSED: Colour = (213, 94, 0)
ERRORS: tuple[Word, ...] = (('correct', CORRECT), ('false', FALSE_ALARM), ('missed', MISSED))


class Panel(NamedTuple):
    """One picture of a row with the words above it, each in its colour."""

    pixels: RGB
    caption: tuple[Word, ...]


def blend(image: RGB, mask: NDArray[np.bool_], colour: Colour, *, opacity: float = 0.55) -> RGB:
    """Return ``image``, uint8 (H, W, 3), with ``colour`` laid over the pixels of ``mask``, bool (H, W)."""
    out = image.astype(np.float32)
    out[mask] = (1 - opacity) * out[mask] + opacity * np.array(colour, np.float32)
    return np.asarray(out.round(), np.uint8)


def shown_colours(classes: Classes) -> dict[int, Colour]:
    """Return the colours that are laid over an image, by class index: all but the background's, which stays bare.

    The other one of two has the colour of what is correct, so that reference and prediction compare at a glance.
    """
    if len(classes.names) == 2 and classes.background is not None:
        return {1 - classes.background: CORRECT}
    # Without colours every class is drawn alike: where something was found is what remains to be seen.
    palette = classes.palette or (CORRECT,) * len(classes.names)
    return {index: colour for index, colour in enumerate(palette) if index != classes.background}


def overlay_classes(image: RGB, classes: ClassMap, colours: Mapping[int, Colour]) -> RGB:
    """Return ``image`` with the classes that have a colour in it."""
    out = image
    for index, colour in colours.items():
        out = blend(out, classes == index, colour)
    return out


def overlay_errors(
    image: RGB, prediction: ClassMap, label: ClassMap, *, of_interest: int, ignore_index: int = 255
) -> RGB:
    """Return ``image`` with pixels of one of two classes marked as correct, false alarm or missed.

    Args:
        image: RGB, uint8 (H, W, 3).
        prediction: classes, uint8 (H, W).
        label: classes, uint8 (H, W).
        of_interest: the class that is predicted or missed, 0 or 1.
        ignore_index: label of the pixels that do not count, which stay bare.
    """
    predicted, is_label = prediction == of_interest, label == of_interest
    out = blend(image, predicted & is_label, CORRECT)
    out = blend(out, predicted & ~is_label & (label != ignore_index), FALSE_ALARM)
    return blend(out, ~predicted & is_label, MISSED)


def overlay_both(
    image: RGB, prediction: ClassMap, label: ClassMap | None, *, classes: Classes, ignore_index: int = 255
) -> tuple[RGB | None, RGB]:
    """Return ``image`` with the reference in it, None without a label, and with the prediction.

    With two classes and a label the prediction is coloured by its errors, otherwise by class.
    """
    colours = shown_colours(classes)
    reference = None if label is None else overlay_classes(image, label, colours)
    if label is None or len(classes.names) != 2:
        return reference, overlay_classes(image, prediction, colours)
    [of_interest] = colours
    return reference, overlay_errors(image, prediction, label, of_interest=of_interest, ignore_index=ignore_index)


def panels(image: RGB, prediction: ClassMap, label: ClassMap | None, *, classes: Classes) -> list[Panel]:
    """Return image, reference and prediction side by side; without a label, image and prediction."""
    names = tuple((classes.names[index], colour) for index, colour in shown_colours(classes).items())
    reference, predicted = overlay_both(image, prediction, label, classes=classes)
    row = [Panel(image, (('image', INK),))]
    if reference is not None:
        row.append(Panel(reference, (('reference:', INK), *names)))
    words = ERRORS if reference is not None and len(classes.names) == 2 else names
    return [*row, Panel(predicted, (('prediction:', INK), *words))]


def side_by_side(row: Sequence[Panel]) -> RGB:
    """Return the panels, all of one size, in one picture with their captions; small ones are enlarged to hold them."""
    factor = -(-PANEL_WIDTH // row[0].pixels.shape[1])  # rounded up; whole, so that pixels stay squares
    row = [panel._replace(pixels=panel.pixels.repeat(factor, axis=0).repeat(factor, axis=1)) for panel in row]
    captions = [_caption_lines(panel.caption, width=panel.pixels.shape[1]) for panel in row]
    above = CAPTION_HEIGHT + LINE_HEIGHT * (max(map(len, captions)) - 1)
    height = row[0].pixels.shape[0] + above
    width = sum(panel.pixels.shape[1] for panel in row) + GAP * (len(row) - 1)
    canvas = Image.new('RGB', (width, height), PAPER)
    left = 0
    for panel, lines in zip(row, captions, strict=True):
        canvas.paste(Image.fromarray(panel.pixels), (left, above))
        for number, words in enumerate(lines):
            _write_words(canvas, words, left=left, top=number * LINE_HEIGHT)
        left += panel.pixels.shape[1] + GAP
    return np.asarray(canvas)


def _caption_lines(words: Sequence[Word], *, width: int) -> list[list[Word]]:
    """Return the words in lines of at most ``width`` pixels; one that is longer has a line of its own."""
    font = ImageFont.load_default(size=FONT_SIZE)
    lines: list[list[Word]] = [[]]
    used = 0.0
    for word, colour in words:
        length = font.getlength(word) + WORD_GAP + (0 if colour is INK else SWATCH)
        if lines[-1] and used + length > width:
            lines.append([])
            used = 0.0
        lines[-1].append((word, colour))
        used += length
    return lines


def _write_words(canvas: Image.Image, words: Sequence[Word], *, left: int, top: int) -> None:
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=FONT_SIZE)
    x = left + 2.0
    for word, colour in words:
        if colour is not INK:  # a swatch: light colours are hard to read as text
            draw.rectangle((x, top + 8, x + 9, top + 17), fill=colour, outline=INK)
            x += SWATCH
        draw.text((x, top + 4), word, fill=INK, font=font)
        x += draw.textlength(word, font=font) + WORD_GAP
