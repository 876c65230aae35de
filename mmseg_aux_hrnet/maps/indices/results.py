"""Thresholds on an index as JSON, tables, and a picture of the curves."""

import csv
import io
import math
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from mmseg_aux_hrnet.evaluation.metrics import F1, IOU, KAPPA, OA, Metric
from mmseg_aux_hrnet.maps.indices.sweep import CRITERIA, LEFT_OUT, Agreement, Criterion, Sweep
from mmseg_aux_hrnet.maps.indices.thresholding import IndexThresholds, MaskBy
from mmseg_aux_hrnet.visualization.png import save_figure

FORMAT = 'mmseg_aux_hrnet index thresholds 1'
MOST_SCENES = 40  # on the screen; files hold all
DRAWN: dict[Criterion, Metric[Any]] = {'kappa': KAPPA, 'accuracy': OA, 'f1': F1, 'iou': IOU}
COLOURS: dict[Criterion, str] = {'kappa': '#0072B2', 'accuracy': '#D55E00', 'f1': '#CC79A7', 'iou': '#009E73'}
INK = '#222222'


def thresholds_json(found: IndexThresholds, *, best: Criterion, mask_by: MaskBy) -> dict[str, Any]:
    """Return everything but the curves; undefined numbers are null.

    Args:
        found: the results.
        best: the criterion of the masks.
        mask_by: whose threshold the masks have.
    """
    reading = found.reading
    return {
        'format': FORMAT,
        'index': reading.index.title,
        'formula': reading.index.formula,
        'rule': f'{found.vegetation} where the index is at least the threshold',
        'min_brightness': reading.min_brightness,
        'thresholds': {'lowest': found.limits[0], 'highest': found.limits[-1], 'count': len(found.limits)},
        'class': found.vegetation,
        'masks': {'best': best, 'by': mask_by},
        'notes': list(found.notes),
        'all': _scene_json(found.together, found.together.threshold(best)),
        'scenes': [
            {
                'name': each.name,
                'rasters': [path.name for path in found.rasters[each.name]],
                **_scene_json(each, found.mask_threshold(each.name, best=best, mask_by=mask_by)),
            }
            for each in found.scenes
        ],
    }


def _scene_json(each: Sweep, mask: float | None) -> dict[str, Any]:
    bests = {criterion: each.best(criterion) for criterion in CRITERIA}
    return {
        'pixels_compared': each.compared,
        'pixels_left_out': dict(zip(LEFT_OUT, each.counts.left_out.tolist(), strict=True)),
        'mask_threshold': mask,
        'otsu': each.otsu,
        'best': {criterion: None if at is None else _agreement_json(at) for criterion, at in bests.items()},
    }


def _agreement_json(at: Agreement) -> dict[str, float | int | None]:
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value for key, value in at._asdict().items()
    }


def scenes_csv(found: IndexThresholds) -> str:
    """Return one row a scene, and a last one of all: pixels, and by each criterion the threshold and its figure."""
    columns = [f'{criterion}_{what}' for criterion in CRITERIA for what in ('threshold', 'value')]
    left_out = [reason.replace(' ', '_') for reason in LEFT_OUT]
    rows: list[list[Any]] = [['scene', 'pixels_compared', *left_out, *columns, 'otsu_threshold']]
    for each in (*found.scenes, found.together):
        bests = [(criterion, each.best(criterion)) for criterion in CRITERIA]
        pairs = [(None, None) if at is None else (at.threshold, getattr(at, key)) for key, at in bests]
        numbers = [number for pair in pairs for number in pair]
        rows.append([each.name, each.compared, *each.counts.left_out.tolist(), *numbers, each.otsu])
    return _csv_text(rows)


def curves_csv(found: IndexThresholds) -> str:
    """Return one row a scene and threshold, with the figures and the four counts."""
    rows: list[list[Any]] = [['scene', *Agreement._fields]]
    for each in (*found.scenes, found.together):
        rows += [[each.name, *at] for at in each.curve]
    return _csv_text(rows)


def _csv_text(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    for row in rows:
        writer.writerow(
            ['' if cell is None or (isinstance(cell, float) and math.isnan(cell)) else cell for cell in row]
        )
    return text.getvalue()


def screen_table(found: IndexThresholds) -> Table:
    """Return one row a scene, and one of all where there are several."""
    table = Table(box=box.SIMPLE, caption_justify='left', caption_style='')
    table.add_column('scene', overflow='fold', min_width=8)
    compared = bool(found.together.curve)
    # The figure that chose it, and the lowest index that is vegetation.
    headings = ['best kappa', 'from', 'best OA', 'from'] if compared else []
    for heading in ('pixels', *headings, 'Otsu'):
        table.add_column(heading, justify='right', no_wrap=True)
    shown = found.scenes[:MOST_SCENES]
    step = (found.limits[-1] - found.limits[0]) / (len(found.limits) - 1)
    decimals = max(3, math.ceil(-math.log10(step) - 1e-9))
    for each in (*shown, *([found.together] if len(found.scenes) > 1 else [])):
        cells = [each.name, f'{int(each.counts.pixels.sum()):,}']
        shown_by: tuple[Criterion, ...] = ('kappa', 'accuracy') if compared else ()
        for criterion in shown_by:
            at = each.best(criterion)
            value = None if at is None else getattr(at, criterion)
            cells += [DRAWN[criterion].text(value), '-' if at is None else f'{at.threshold:.{decimals}f}']
        table.add_row(*map(Text, (*cells, '-' if each.otsu is None else f'{each.otsu:.{decimals}f}')))
    left_out = zip(LEFT_OUT, found.together.counts.left_out.tolist(), strict=True)
    told = [f'{count:,} {reason}' for reason, count in left_out if count]
    lines = [f'pixels left out: {", ".join(told)}'] if told else []
    if len(found.scenes) > len(shown):
        lines.append(f'and {len(found.scenes) - len(shown)} more scenes, in the CSV file')
    table.caption = '\n'.join(lines) or None
    return table


def draw_curves(path: Path, found: IndexThresholds) -> None:
    """Write a PNG: the figures of all scenes over the threshold with the best ones, and below the index by class.

    Raises:
        OSError: it cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 7), layout='constrained')
    compared = bool(found.together.curve)
    axes = figure.subplots(2 if compared else 1, 1, sharex=True, squeeze=False)[:, 0]
    limits, whole, title = found.limits, found.together, found.reading.index.title
    if compared:
        _draw_agreement(axes[0], found)
    middles = (limits[:-1] + limits[1:]) / 2
    shown = ((found.vegetation, COLOURS['iou']), ('other', COLOURS['accuracy'])) if compared else (('all', INK),)
    counts = whole.counts.pixels[[1, 0]] if compared else whole.counts.pixels.sum(axis=0, keepdims=True)
    for (name, colour), row in zip(shown, counts[:, 1:-1], strict=True):
        axes[-1].fill_between(middles, row, step='mid', color=colour, alpha=0.35, linewidth=0)
        axes[-1].plot(middles, row, drawstyle='steps-mid', color=colour, linewidth=0.8, label=name)
    if whole.otsu is not None:
        axes[-1].axvline(whole.otsu, color=INK, linestyle=':', label=f'Otsu {whole.otsu:.4g}')
    axes[-1].set(xlim=(limits[0], limits[-1]), ylabel='pixels', xlabel=title)
    axes[-1].grid(alpha=0.3)
    for words in axes[-1].legend(frameon=False).get_texts():
        words.set_parse_math(False)  # a class may have a dollar sign in its name
    save_figure(path, figure)


def _draw_agreement(axes: Any, found: IndexThresholds) -> None:
    for key, colour in COLOURS.items():
        metric = DRAWN[key]
        factor = 1 if metric.percent else 100
        title = metric.title if metric.percent else f'{metric.title} x 100'
        for each in found.scenes if 1 < len(found.scenes) <= MOST_SCENES and key == 'kappa' else ():
            values = [factor * getattr(at, key) for at in each.curve]
            axes.plot([at.threshold for at in each.curve], values, color=colour, linewidth=0.5, alpha=0.5)
        values = [factor * getattr(at, key) for at in found.together.curve]
        axes.plot(found.limits, values, color=colour, linewidth=1.4, label=title)
        best = found.together.best(key)
        if best is not None:
            axes.plot(best.threshold, factor * getattr(best, key), color=colour, marker='D', linestyle='none')
    axes.set(ylim=(0, 100), ylabel='%')
    best_kappa = found.together.best('kappa')
    if best_kappa is not None:
        axes.set_title(
            f'{found.vegetation} where {found.reading.index.title} is at least the threshold: best kappa '
            f'{best_kappa.kappa:.4f} from {best_kappa.threshold:.4g}', fontsize=10, parse_math=False,
        )  # fmt: skip
    axes.grid(alpha=0.3)
    axes.legend(loc='lower center', edgecolor='none', framealpha=1, ncols=4)
