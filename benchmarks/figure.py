"""Draws the ratios of results that a benchmark wrote as JSON: one bar a work, and a mark for everyone else.

Usage: python benchmarks/figure.py RESULTS.json... --out FILE.png [--parts PART...]
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from results import OURS, STOCK, Result, read

# Blue, and what is told apart from it by colour-blind readers (Okabe and Ito, Color Universal Design, 2008).
BAR = '#0072b2'
MARKS = {
    f'{OURS}, --speed max': ('D', '#e69f00'),
    'onnxruntime': ('o', '#d55e00'),
    'openvino': ('^', '#009e73'),
    'timm': ('x', '#000000'),
}  # not what is another network
WIDTH, ROW, MARGIN = 9, 0.24, 1.3  # inches
TICKS = (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)


def ratios(results: Sequence[Result]) -> dict[str, dict[str, float]]:
    """Return how many times better than mmseg everyone is, by work, of the works that are compared with mmseg."""
    found: dict[str, dict[str, float]] = {}
    for result in results:
        if result.times_as_good is not None and result.who != STOCK:
            found.setdefault(f'{result.part}: {result.work}', {})[result.who] = result.times_as_good
    return {work: times for work, times in found.items() if OURS in times}


def drawn(found: dict[str, dict[str, float]]) -> Figure:
    """Return the picture, the first work on top."""
    figure = Figure(figsize=(WIDTH, ROW * len(found) + MARGIN), layout='constrained')
    axes = figure.subplots()
    rows = {work: row for row, work in enumerate(found)}
    ours = [times[OURS] for times in found.values()]
    axes.barh(list(rows.values()), [value - 1 for value in ours], left=1, color=BAR, label=OURS, zorder=1)
    for row, value in zip(rows.values(), ours, strict=True):
        axes.annotate(
            f'{value:.3g}',
            (1, row),
            (4, 0),
            xycoords=('axes fraction', 'data'),
            textcoords='offset points',
            va='center',
            color=BAR,
            size=8,
        )
    for who, (mark, colour) in MARKS.items():
        marked = {rows[work]: times[who] for work, times in found.items() if who in times}
        if marked:
            axes.scatter(list(marked.values()), list(marked), marker=mark, color=colour, s=22, label=who, zorder=2)
    axes.axvline(1, color='black', linewidth=1)
    axes.set_xscale('log', base=2)
    shown = [tick for tick in TICKS if min(1, *ours) / 2 < tick < max(ours) * 2]
    axes.set_xticks(shown, [f'{tick:g}' for tick in shown])
    axes.set_yticks(list(rows.values()), list(rows), size=8)
    axes.invert_yaxis()
    axes.set_xlabel('times as good as mmseg, the median of the rounds')
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(loc='upper center', bbox_to_anchor=(0.3, -0.08 - 0.6 / len(found)), ncols=3, frameon=False, fontsize=8)
    return figure


def main() -> None:
    """Draw what the files hold."""
    line = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    line.add_argument('results', nargs='+', type=Path, metavar='RESULTS.json')
    line.add_argument('--out', type=Path, required=True, metavar='FILE.png')
    line.add_argument('--parts', nargs='+', metavar='PART', help='only these, as the tables call them')
    args = line.parse_args()
    results = [result for file in args.results for result in read(json.loads(file.read_text(encoding='utf-8')))]
    found = ratios([result for result in results if not args.parts or result.part in args.parts])
    if not found:
        line.error(f'no work of {", ".join(map(str, args.results))} is compared with {STOCK}')
    drawn(found).savefig(args.out, dpi=110)


if __name__ == '__main__':
    main()
