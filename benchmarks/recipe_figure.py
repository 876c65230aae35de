"""Draws what benchmarks/recipe.py measured: one row a recipe, one dot a seed, one panel a folder and list.

Usage: python benchmarks/recipe_figure.py FOLDER... --lists LIST... --out FILE.png [--recipes NAME...]
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

DOT, MEAN = '#0072b2', '#000000'  # blue as in figure.py
PANEL, ROW, NAMES, MARGIN = 2.4, 0.27, 2.6, 0.9  # inches

Panel = dict[str, list[float]]


def panels(folders: Sequence[Path], lists: Sequence[str]) -> dict[str, Panel]:
    """Return the figures of all seeds by recipe, percent, of each folder and each list that it was tested on."""
    found: dict[str, Panel] = {}
    for folder in folders:
        records: list[dict[str, Any]] = [
            json.loads(path.read_text(encoding='utf-8')) for path in sorted(folder.glob('*_[0-9].json'))
        ]
        for listed in lists:
            for record in records:
                if listed in record['figures']:
                    panel = found.setdefault(f'{folder.name}, {listed}', {})
                    panel.setdefault(record['recipe'], []).append(record['figures'][listed])
    return found


def drawn(found: dict[str, Panel], recipes: Sequence[str]) -> Figure:
    """Return the picture, with the recipes from top to bottom."""
    size = NAMES + PANEL * len(found), MARGIN + ROW * len(recipes)
    figure = Figure(figsize=size, layout='constrained')
    every = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for axes, (title, panel) in zip(every, found.items(), strict=True):
        for row, recipe in enumerate(recipes):
            values = panel.get(recipe, [])
            axes.scatter(values, [row] * len(values), color=DOT, s=18, alpha=0.7, zorder=2)
            if values:
                axes.scatter(statistics.mean(values), row, marker='|', color=MEAN, s=130, zorder=3)
        axes.set_yticks(range(len(recipes)), recipes, size=8)
        axes.tick_params(axis='x', labelsize=8)
        axes.set_title(title.removesuffix('.txt'), size=9)
        axes.grid(axis='x', color='#dddddd', zorder=0)
        axes.spines[['top', 'right']].set_visible(False)
    every[0].invert_yaxis()  # of all, which share it
    figure.supxlabel('IoU of green, percent: dots are seeds, lines their mean', size=9)
    return figure


def main() -> None:
    """Draw what the folders hold."""
    line = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    line.add_argument('folders', nargs='+', type=Path, metavar='FOLDER', help='--out of recipe.py')
    line.add_argument('--lists', nargs='+', required=True, metavar='LIST', help='such as val.txt')
    line.add_argument('--recipes', nargs='+', metavar='NAME', help='from top to bottom; default: all')
    line.add_argument('--out', type=Path, required=True, metavar='FILE.png')
    args = line.parse_args()
    found = panels(args.folders, args.lists)
    names = list(dict.fromkeys(name for panel in found.values() for name in panel))
    unknown = [name for name in args.recipes or names if name not in names]
    if not found or unknown:
        where, there = ', '.join(map(str, args.folders)), ', '.join(names) or 'none of these lists'
        line.error(f'no figures of {", ".join(unknown or args.lists)} in {where}: there are {there}')
    drawn(found, args.recipes or names).savefig(args.out, dpi=110)


if __name__ == '__main__':
    main()
