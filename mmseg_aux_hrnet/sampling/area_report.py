"""The estimates of a sample as tables for the screen and as JSON."""

import math
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from mmseg_aux_hrnet.sampling.area_estimate import SMALL_STRATUM, ClassEstimate, Estimate

FORMAT = 'mmseg_aux_hrnet area estimate 1'
SOURCE = 'stratified estimator, Olofsson et al. 2014, Remote Sensing of Environment 148, 42-57'


def area_tables(classes: Sequence[ClassEstimate], overall: Estimate, *, unit: str) -> tuple[Table, Table]:
    """Return the areas and the accuracies, one row for each class, as two tables that fit 80 columns.

    Args:
        classes: what the sample says of each class.
        overall: overall accuracy, percent.
        unit: of the areas.
    """
    areas = _table(('points', f'mapped, {unit}', f'area, {unit}', 'std. error', '95 % interval'))
    accuracies = _table(("user's accuracy %", "producer's accuracy %"))
    # Four digits of the whole area: more than a sample can tell of it, few enough to read.
    decimals = max(0, 3 - math.floor(math.log10(sum(row.mapped for row in classes))))
    for row in classes:
        low, high = (f'{end:,.{decimals}f}' for end in row.area.interval)
        numbers = (f'{n:,.{decimals}f}' for n in (row.mapped, row.area.value, row.area.standard_error))
        # As Text, because a class name may hold square brackets.
        areas.add_row(*map(Text, (row.name, str(row.points), *numbers, f'{low} to {high}')))
        accuracies.add_row(*map(Text, (row.name, _percent(row.users), _percent(row.producers))))
    notes = ['accuracies with the half width of their 95 % interval', SOURCE]
    few = [row.name for row in classes if row.mapped and row.points < SMALL_STRATUM]
    sure = [row.name for row in classes if row.area.standard_error == 0]
    if few:
        notes.append(
            f'fewer than {SMALL_STRATUM} points, so the standard errors themselves are rough: {", ".join(few)}'
        )
    if sure:
        notes.append(f'standard error 0: the sample shows no mistake, but there may be some: {", ".join(sure)}')
    if any(row.area.interval[0] < 0 for row in classes):
        notes.append('an interval that begins below 0 has too few points: the area may be 0')
    accuracies.caption = Text('\n'.join([f'overall accuracy {_percent(overall)}', *notes]))
    return areas, accuracies


def _table(headings: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE, caption_justify='left', caption_style='')
    table.add_column('class', overflow='fold')
    for heading in headings:
        table.add_column(Text(heading), justify='right', no_wrap=True)
    return table


def area_json(classes: Sequence[ClassEstimate], overall: Estimate, *, unit: str) -> dict[str, Any]:
    """Return everything as strict JSON, see :func:`area_tables`; undefined numbers are null."""
    return {
        'format': FORMAT,
        'method': SOURCE,
        'unit': unit,
        'points': sum(row.points for row in classes),
        'overall_accuracy': _estimate(overall),
        'classes': [
            {
                'name': row.name,
                'points': row.points,
                'mapped': row.mapped,
                'area': _estimate(row.area),
                'users_accuracy': _estimate(row.users),
                'producers_accuracy': _estimate(row.producers),
            }
            for row in classes
        ],
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    if math.isnan(estimate.value):  # strict JSON has no nan, and half an estimate would mislead
        return {'value': None, 'standard_error': None, 'interval': None}
    return {
        'value': estimate.value,
        'standard_error': estimate.standard_error,
        'interval': list(estimate.interval),
    }


def _percent(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return '-'
    return f'{estimate.value:.1f} ± {(estimate.interval[1] - estimate.value):.1f}'
