"""Draws a checkup as one page: counts, shares, colours, examples and findings."""

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from PIL import Image

from mmseg_aux_hrnet.bands import RGB as RGB_NAMES
from mmseg_aux_hrnet.classes import Colour
from mmseg_aux_hrnet.datasets.band_images import PLAIN, read_picture
from mmseg_aux_hrnet.doctor.checkup import Checkup
from mmseg_aux_hrnet.doctor.examine import ExaminedTile
from mmseg_aux_hrnet.doctor.findings import Finding, printable
from mmseg_aux_hrnet.doctor.gather import relative
from mmseg_aux_hrnet.doctor.labels import read_by_first
from mmseg_aux_hrnet.doctor.screen import finding_text, form_lines, rows, training_summary, verdict
from mmseg_aux_hrnet.doctor.sources import UNDIVIDED
from mmseg_aux_hrnet.doctor.summary import config_snippets
from mmseg_aux_hrnet.errors import ImageError, LabelError
from mmseg_aux_hrnet.visualization.overlay import overlay_classes, shown_colours

LONGEST = 320  # pixels, of a picture
SIZE = (8.27, 11.69)  # inches, A4
DPI = 150
EXAMPLES = 6  # pictures in a row
LEFT, ROW, LINE = 0.06, 0.0185, 0.0116  # margin, row of the table, line of text; of the page
LINE_WIDTH = 138  # characters
MOST_CLASSES = 10  # bars; the JSON file holds all
LEVEL_COLOURS = {'plain': '#333333', 'fault': '#B2182B', 'doubt': '#A65E00', 'note': '#2166AC'}
# Okabe and Ito's palette: apart for all common kinds of colour blindness.
SPLIT_COLOURS = {'train': '#0072B2', 'val': '#E69F00', 'test': '#009E73', UNDIVIDED: '#0072B2'}
OTHER_COLOUR = '#777777'  # of a band that is not a colour
CHANNEL_COLOURS = ('#D55E00', '#009E73', '#0072B2')


def draw_page(checkup: Checkup, *, title: str) -> bytes:
    """Return the page as a PNG file."""
    figure = Figure(figsize=SIZE, dpi=DPI)
    figure.text(
        LEFT, 0.965, f'Data set check: {printable(title)}', fontsize=13, weight='bold', va='top', parse_math=False
    )
    figure.text(LEFT, 0.943, verdict(checkup), fontsize=9, va='top')
    bottom = 0.92 - ROW * (len(checkup.summaries) + 1)
    axes = figure.add_axes((LEFT, bottom, 0.88, 0.925 - bottom))
    axes.axis('off')
    titles, body = rows(checkup)
    table = axes.table(cellText=body, colLabels=titles, loc='upper center', cellLoc='center', bbox=Bbox.unit())
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    for (row, _), cell in table.get_celld().items():
        cell.set_edgecolor('#CCCCCC')
        cell.set_text_props(weight='bold' if row == 0 else 'normal')
    bottom = _write_lines(figure, [(line, 'plain') for line in form_lines(checkup)], top=bottom - 0.005)
    for draw, left in ((_draw_shares, 0.13), (_draw_foreground, 0.42), (_draw_levels, 0.72)):
        draw(figure.add_axes((left, bottom - 0.155, 0.22, 0.13)), checkup)
    colours = shown_colours(checkup.classes)
    head = 'Examples, labels laid over'
    bottom = _draw_row(figure, list(_examples(checkup)), colours, top=bottom - 0.195, head=head)
    suspects = list(_suspects(checkup))[:EXAMPLES]
    if suspects:
        bottom = _draw_row(figure, suspects, colours, top=bottom, head='Pictures of faults and doubts')
    _write_words(figure, checkup, top=bottom)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png')
    return buffer.getvalue()


def _draw_shares(axes: Axes, checkup: Checkup) -> None:
    classes = checkup.classes.names[:MOST_CLASSES]
    labelled = [summary for summary in checkup.summaries if sum(summary.pixels)]
    height = 0.8 / max(len(labelled), 1)
    for index, summary in enumerate(labelled):
        shares = 100 * np.nan_to_num(summary.shares[: len(classes)])
        places = np.arange(len(classes)) + index * height
        axes.barh(places, shares, height, color=SPLIT_COLOURS[summary.split], label=summary.split)
    axes.set_yticks(np.arange(len(classes)) + 0.4 - height / 2, classes)
    axes.invert_yaxis()
    _finish(axes, title='class shares', label='% of labelled pixels')
    if labelled:
        axes.legend(fontsize=7, frameon=False)


def _draw_foreground(axes: Axes, checkup: Checkup) -> None:
    edges = np.linspace(0, 100, 11)
    for summary in checkup.summaries:
        labels = [tile.label for tile in checkup.tiles if tile.label and tile.pair.split == summary.split]
        counted = [label.counts[: len(checkup.classes.names)] for label in labels]
        shares = [100 * float(counts[1:].sum() / counts.sum()) for counts in counted if counts.sum()]
        if shares:
            counts = np.histogram(shares, edges)[0] / len(shares) * 100
            axes.stairs(counts, edges, color=SPLIT_COLOURS[summary.split], linewidth=1.4)
    _finish(axes, title='foreground of each image', label='% of its pixels')
    axes.set_ylabel('% of the images', fontsize=7)


def _draw_levels(axes: Axes, checkup: Checkup) -> None:
    train = training_summary(checkup) or checkup.summaries[0]
    colours = dict(zip(RGB_NAMES, CHANNEL_COLOURS, strict=True))
    for name, counts in zip(train.bands, train.histogram, strict=True):
        axes.plot(100 * counts / max(int(counts.sum()), 1), color=colours.get(name, OTHER_COLOUR), linewidth=0.9)
    words = 'red, green and blue' if train.bands == RGB_NAMES else ', '.join(train.bands)
    _finish(axes, title=f'{words} of {train.split}', label='level 0..255')
    axes.set_ylabel('% of the pixels', fontsize=7)


def _finish(axes: Axes, *, title: str, label: str) -> None:
    axes.set_title(title, fontsize=8)
    axes.set_xlabel(label, fontsize=7)
    axes.tick_params(labelsize=7)
    axes.spines[['top', 'right']].set_visible(False)


def _examples(checkup: Checkup) -> Iterator[tuple[str, ExaminedTile]]:
    """Yield tiles of every split, spread over its list, with captions."""
    each = max(1, EXAMPLES // len(checkup.summaries))
    for summary in checkup.summaries:
        whole = [t for t in checkup.tiles if t.pair.split == summary.split and t.image and t.same_size]
        labelled = [tile for tile in whole if tile.label] or whole
        step = max(1, len(labelled) // each)
        yield from ((summary.split, tile) for tile in labelled[step // 2 :: step][:each])


def _suspects(checkup: Checkup) -> Iterator[tuple[str, ExaminedTile]]:
    """Yield tiles of faults and doubts: those of the first file of each kind of finding, then those of the second."""
    shown: set[int] = set()
    kinds: dict[str, Finding] = {}
    for finding in checkup.findings:
        if finding.level != 'note':
            kinds.setdefault(finding.key, finding)
    for place in range(2):
        for finding in kinds.values():
            for tile in _named(''.join(finding.files[place : place + 1]), checkup.tiles):
                if id(tile) not in shown:
                    shown.add(id(tile))
                    yield f'{finding.level}: {finding.key}', tile


def _named(text: str, tiles: Sequence[ExaminedTile]) -> list[ExaminedTile]:
    """Return the tiles, two at most, whose image or label a text of a finding names."""
    found = []
    for tile in tiles if text else ():
        pair = tile.pair
        words = f' {text.replace(f"{pair.split}:{pair.name}", pair.name).replace(": ", " ")} '
        names = [pair.name, *([relative(pair.label, pair.source.root)] if pair.label else [])]
        if any(f' {name} ' in words for name in names):
            found.append(tile)
    return found[:2]


def picture(tile: ExaminedTile, colours: Mapping[int, Colour]) -> NDArray[np.uint8] | None:
    """Return the tile with its label, uint8 (h, w, 3), at most 320 pixels a side; None if its image cannot be read."""
    try:
        image = _shrunk(
            Image.fromarray(read_picture(tile.pair.image, getattr(tile.pair.source.dataset, 'bands', PLAIN))),
            Image.Resampling.BOX,
        )
    except ImageError:
        return None
    if tile.pair.label is None or tile.label is None or not tile.same_size:
        return image
    source = tile.pair.source
    try:
        classes = source.class_of[read_by_first(tile.pair.label, source.rules, turn=tile.turn)[0]]
    except LabelError:  # it was there a moment ago
        return image
    return overlay_classes(image, _shrunk(Image.fromarray(classes), Image.Resampling.NEAREST), colours)


def _shrunk(image: Image.Image, resampling: Image.Resampling) -> NDArray[np.uint8]:
    factor = min(1.0, LONGEST / max(image.size))
    width, height = (max(1, round(side * factor)) for side in image.size)
    return np.asarray(image.resize((width, height), resampling))


def _draw_row(
    figure: Figure,
    captioned: Sequence[tuple[str, ExaminedTile]],
    colours: Mapping[int, Colour],
    *,
    top: float,
    head: str,
) -> float:
    """Draw pictures with their captions below a heading, and return where the next part may start."""
    figure.text(LEFT, top, head, fontsize=8.5, weight='bold', va='top')
    for index, (caption, tile) in enumerate(captioned[:EXAMPLES]):
        left = LEFT + index * 0.148
        axes = figure.add_axes((left, top - 0.12, 0.138, 0.1))
        axes.axis('off')
        pixels = picture(tile, colours)
        if pixels is None:
            axes.text(0.5, 0.5, 'cannot be read', ha='center', va='center', fontsize=7, transform=axes.transAxes)
        else:
            axes.imshow(pixels, aspect='equal')
        name = tile.pair.name.split('/')[-1]
        short = name if len(name) <= 24 else f'{name[:10]}...{name[-11:]}'
        text = f'{caption}\n{short}'
        figure.text(left + 0.069, top - 0.124, text, ha='center', va='top', fontsize=6.5, parse_math=False)
    return top - 0.16


def _write_words(figure: Figure, checkup: Checkup, *, top: float) -> None:
    """Write the findings, as far as they fit, and below them the lines for a config."""
    train = training_summary(checkup)
    advice = config_snippets(train) if train is not None else []
    figure.text(LEFT, top, 'Findings', fontsize=8.5, weight='bold', va='top')
    room = int((top - 0.09 - LINE * len(advice)) / LINE)
    texts = [(f'{one.level.upper()}  {finding_text(one, limit=1)}', one.level) for one in checkup.findings]
    lines = [('none', 'plain')]
    for most in (2, 1) if texts else ():  # lines of a finding
        wrapper = textwrap.TextWrapper(LINE_WIDTH, subsequent_indent='        ', max_lines=most, placeholder=' ...')
        lines = [(line, level) for text, level in texts for line in wrapper.wrap(text)]
        if len(lines) <= room:
            break
    if len(lines) > room:
        lines = [*lines[: room - 1], (f'and {len(lines) - room + 1} more lines, on the screen', 'plain')]
    bottom = _write_lines(figure, lines, top=top - 0.018)
    if advice:
        figure.text(LEFT, bottom - 0.01, 'For a config', fontsize=8.5, weight='bold', va='top')
        _write_lines(figure, [(line, 'plain') for line in advice], top=bottom - 0.028)


def _write_lines(figure: Figure, lines: Sequence[tuple[str, str]], *, top: float) -> float:
    """Write lines in the colours of their levels, and return where they end."""
    for index, (line, level) in enumerate(lines):
        text = textwrap.shorten(line, LINE_WIDTH + 10) if level == 'plain' else line
        colour = LEVEL_COLOURS[level]
        figure.text(LEFT, top - index * LINE, text, fontsize=6.8, va='top', color=colour, parse_math=False)
    return top - len(lines) * LINE
