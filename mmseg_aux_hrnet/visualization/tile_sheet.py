"""Draws labelled tiles on one sheet, each with the outlines of its classes: arrays in, an array out."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mmseg_aux_hrnet.classes import Classes, Colour
from mmseg_aux_hrnet.visualization.overlay import INK, PAPER, RGB, ClassMap, Word

CELL = 240  # pixels, the longer side of a tile on the sheet
GAP = 14  # pixels between cells
ABREAST = 6
TITLE_HEIGHT, LINE_HEIGHT, NOTE_HEIGHT = 34, 20, 20  # pixels
SWATCH = 11  # pixels
TITLE_SIZE, TEXT_SIZE = 18, 13
HALO: Colour = (255, 255, 255)  # beside each outline, so that it shows on any ground
IGNORED: Word = ('ignored', (127, 127, 127))
# Colours of outlines where those of the palette are hard to see on an aerial image (Okabe and Ito 2008).
BRIGHT: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (240, 228, 66),
    (204, 121, 167),
    (213, 94, 0),
    (0, 158, 115),
)


class LabelledTile(NamedTuple):
    """A tile of the sheet.

    Attributes:
        image: RGB, uint8 (H, W, 3).
        label: classes, uint8 (H, W).
        split: such as train.
        name: as much of its end as there is room for.
    """

    image: RGB
    label: ClassMap
    split: str
    name: str


def draw_tile_sheet(tiles: Sequence[LabelledTile], *, title: str, classes: Classes, ignore_index: int = 255) -> RGB:
    """Return the sheet; ignored pixels are hatched, the background has no outline of its own.

    Args:
        tiles: at least one.
        title: the line above all.
        classes: names, and which one is the background.
        ignore_index: label of the pixels that do not count.
    """
    colours = outline_colours(classes)
    cells = [_cell(tile, colours, ignore_index=ignore_index) for tile in tiles]
    across = min(ABREAST, len(cells))
    words = [(classes.names[index], colour) for index, colour in colours.items()]
    head = _head(title, [*words, IGNORED], width=across * (CELL + GAP) + GAP)
    rows = -(-len(cells) // across)
    sheet = Image.new('RGB', (head.width, head.height + rows * (CELL + NOTE_HEIGHT + GAP)), PAPER)
    sheet.paste(head)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=TEXT_SIZE)
    for number, (cell, tile) in enumerate(zip(cells, tiles, strict=True)):
        row, column = divmod(number, across)
        left, top = GAP + column * (CELL + GAP), head.height + row * (CELL + NOTE_HEIGHT + GAP)
        sheet.paste(Image.fromarray(cell), (left, top))
        name = tile.name  # names differ at their end
        while name and font.getlength(f'{tile.split} …{name}') > CELL:
            name = name[1:]
        note = f'{tile.split} {tile.name}' if name == tile.name else f'{tile.split} …{name}'
        draw.text((left, top + CELL + 2), note, fill=INK, font=font)
    return np.asarray(sheet)


def outline_colours(classes: Classes) -> dict[int, Colour]:
    """Return the colour of the outlines of each class but the background."""
    shown = [index for index in range(len(classes.names)) if index != classes.background]
    return {index: BRIGHT[place % len(BRIGHT)] for place, index in enumerate(shown)}


def _cell(tile: LabelledTile, colours: dict[int, Colour], *, ignore_index: int) -> RGB:
    height, width = tile.label.shape
    scale = CELL / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST
    image = np.array(Image.fromarray(tile.image).resize(size, method))
    label = np.asarray(Image.fromarray(tile.label).resize(size, Image.Resampling.NEAREST))
    rows, columns = np.indices(label.shape)
    image[(label == ignore_index) & ((rows + columns) % 6 < 2)] = IGNORED[1]
    for index, colour in colours.items():
        inside = label == index
        edge = inside & ~_shrunk(inside)
        image[_shrunk(inside) & ~_shrunk(_shrunk(inside))] = HALO
        image[edge] = colour
    canvas = np.full((CELL, CELL, 3), PAPER, np.uint8)
    canvas[: size[1], : size[0]] = image
    return canvas


def _shrunk(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels whose four neighbours are in the mask; beyond the edge of the tile it goes on."""
    padded = np.pad(mask, 1, mode='edge')
    return mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


def _head(title: str, words: Sequence[Word], *, width: int) -> Image.Image:
    heading, font = ImageFont.load_default(size=TITLE_SIZE), ImageFont.load_default(size=TEXT_SIZE)
    lengths = [SWATCH + 20 + font.getlength(word) for word, _ in words]
    width = max(width, round(heading.getlength(title)) + 2 * GAP, round(max(lengths)) + 2 * GAP)
    places: list[tuple[float, int]] = []
    x, y = float(GAP), TITLE_HEIGHT
    for length in lengths:
        if x + length > width - GAP and x > GAP:
            x, y = float(GAP), y + LINE_HEIGHT
        places.append((x, y))
        x += length
    head = Image.new('RGB', (width, y + LINE_HEIGHT + 6), PAPER)
    draw = ImageDraw.Draw(head)
    draw.text((GAP, 8), title, fill=INK, font=heading)
    for (word, colour), (left, top) in zip(words, places, strict=True):
        draw.rectangle((left, top + 3, left + SWATCH, top + 3 + SWATCH), fill=colour, outline=INK)
        draw.text((left + SWATCH + 5, top), word, fill=INK, font=font)
    return head
