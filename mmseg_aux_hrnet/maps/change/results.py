"""Change as tables and JSON, and what it is worth."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.table import Table
from rich.text import Text

from mmseg_aux_hrnet.errors import ConfigError, DataError, counted
from mmseg_aux_hrnet.files.whole import whole_set
from mmseg_aux_hrnet.maps.change.mapping import LOSS
from mmseg_aux_hrnet.maps.change.transitions import EDGE, KEPT, SMALL, ChangeAreas
from mmseg_aux_hrnet.maps.measure.table import HECTARE, MOST_ROWS, column_types, table_text, write_zones
from mmseg_aux_hrnet.maps.styles import percent_style
from mmseg_aux_hrnet.maps.vector.polygon_file import PYOGRIO_ERRORS, short_reason
from mmseg_aux_hrnet.sampling.area_estimate import Z_95

FORMAT = 'mmseg_aux_hrnet change 1'
FORMATS = ('.tif', '.tiff', '.gpkg', '.csv', '.json')
FORMULA = (
    'D = A2 - A1 with S(D) = sqrt(S(A1)^2 + S(A2)^2); A and S(A) by the stratified estimator of Olofsson et al. 2014, '
    'equations 9 to 11, samples of both dates independent'
)
FEW = 5.0  # percent: the error of a good map, for the line on maps whose errors are not known
Floats = NDArray[np.float64]


def columns(areas: ChangeAreas) -> dict[str, Any]:
    """Return the columns of the table with one row a zone: ids, then numbers, nan where undefined.

    Raises:
        ConfigError: two columns would have the same name.
    """
    names, compared = areas.legend.names, areas.compared
    covered = compared + areas.nodata
    true_net, error = areas.true_net()
    values: list[tuple[str, Any]] = [
        ('map' if areas.zones is None else areas.zones.field, areas.ids),
        ('covered_percent', 100 * areas.covered),
        ('compared_m2', compared),
        ('nodata_percent', _percent(areas.nodata, covered)),
        ('change_percent', _percent(areas.apart(KEPT), compared)),
        ('edge_m2', areas.apart(EDGE)),
        ('small_m2', areas.apart(SMALL)),
    ]
    for index, name in enumerate(names):
        values += [
            (f'{name}_old_m2', areas.old[:, index]),
            (f'{name}_new_m2', areas.new[:, index]),
            (f'{name}_gain_m2', areas.moved('gain', KEPT)[:, index]),
            (f'{name}_loss_m2', areas.moved('loss', KEPT)[:, index]),
            (f'{name}_net_m2', areas.net[:, index]),
        ]
        if areas.accuracy is not None:
            values += [(f'{name}_true_net_m2', true_net[:, index]), (f'{name}_true_net_error_m2', error[:, index])]
    for row, old in enumerate(names):
        for column, new in enumerate(names):
            square_metres = areas.square_metres[:, KEPT, row, column]
            start = f'{old}_to_{new}'
            values += [(f'{start}_m2', square_metres), (f'{start}_ha', square_metres / HECTARE)]
            values.append((f'{start}_percent', _percent(square_metres, compared)))
    folded = [name.casefold() for name, _ in values]  # GeoPackages do not tell A from a
    twice = sorted({name for name in folded if folded.count(name) > 1})
    if twice:
        raise ConfigError(
            f'two columns of the table would be called {", ".join(twice)}: give the classes other names with '
            '--classes, or choose another --id-field'
        )
    return dict(values)


def change_json(areas: ChangeAreas) -> dict[str, Any]:
    """Return everything, with one entry a zone; undefined numbers are null."""
    code = areas.grid.crs.to_authority()
    known = areas.accuracy is not None
    rows = zip(
        areas.ids, areas.covered.tolist(), areas.square_metres, areas.nodata.tolist(), areas.net, *areas.true_net(),
        strict=True,
    )  # fmt: skip
    return {
        'format': FORMAT,
        'old': areas.paths[0].name,
        'new': areas.paths[1].name,
        'crs': f'{code[0]}:{code[1]}' if code else areas.grid.crs.to_wkt(),
        'method': areas.ground.method,
        'largest_planar_deviation': areas.ground.deviation,
        'classes': list(areas.legend.names),
        'tolerance_pixels': areas.tolerance,
        'min_area_m2': areas.min_area,
        'true_net': FORMULA if areas.accuracy is not None else None,
        'accuracy': None if areas.accuracy is None else [str(each.path) for each in areas.accuracy],
        'notes': [*areas.notes, worth_line(areas)],
        'whole_map': {'compared_m2': float(areas.whole.sum()), 'nodata_m2': areas.whole_nodata, **_kinds(areas.whole)},
        'zones': [
            {
                'id': name,
                'covered_percent': 100 * share,
                'compared_m2': float(matrix.sum()),
                'nodata_m2': nodata,
                **_kinds(matrix),
                'net_m2': net.tolist(),
                'true_net_m2': true_net.tolist() if known else None,
                'true_net_standard_error_m2': error.tolist() if known else None,
            }
            for name, share, matrix, nodata, net, true_net, error in rows
        ],
    }


def _kinds(matrix: Floats) -> dict[str, Any]:
    """Return transition matrices in square metres, hectares and percent; rows are the earlier class."""
    total = float(matrix.sum())
    kept = matrix[KEPT]
    return {
        'transitions_m2': kept.tolist(),
        'transitions_ha': (kept / HECTARE).tolist(),
        'transitions_percent': (100 * kept / total).tolist() if total else None,
        'edge_m2': matrix[EDGE].tolist(),
        'small_m2': matrix[SMALL].tolist(),
    }


def screen_tables(areas: ChangeAreas) -> list[Table]:
    """Return the transitions of the whole map, and gains and losses with one row a zone and class."""
    names = areas.legend.names
    matrix = Table(box=box.SIMPLE, title='whole map, ha (%)', title_style='', title_justify='left')
    matrix.add_column('from \\ to', overflow='fold')
    for name in (*names, 'all'):
        matrix.add_column(Text(name), justify='right')
    total = areas.whole.sum()
    kept = areas.whole[KEPT]
    for name, row in zip(names, kept, strict=True):
        matrix.add_row(*map(Text, (name, *(_share(value, total) for value in (*row, row.sum())))))
    matrix.add_row(*map(Text, ('all', *(_share(value, total) for value in (*kept.sum(axis=0), kept.sum())))))
    title = 'ha; apart: edges and small changes, gains less losses'
    moves = Table(box=box.SIMPLE, title=title, title_style='', title_justify='left', pad_edge=False)
    moves.add_column('map' if areas.zones is None else Text(areas.zones.field), overflow='fold', min_width=5)
    moves.add_column('class', overflow='fold', min_width=5)
    known = areas.accuracy is not None
    headings = ('old', 'new', 'gain', 'loss', 'apart', 'net', 'net %')
    for heading in (*headings, *(('true net', '± 95 %') if known else ())):
        moves.add_column(heading, justify='right', no_wrap=True, min_width=len(heading))
    true_net, error = areas.true_net()
    shown = min(len(areas.ids), max(1, MOST_ROWS // len(names)))
    gain, loss = areas.moved('gain', KEPT), areas.moved('loss', KEPT)
    apart = areas.net - gain + loss  # of edges and small patches, gains less losses
    for row in range(shown):
        for index, name in enumerate(names):
            figures = [each[row, index] for each in (areas.old, areas.new, gain, loss, apart, areas.net)]
            texts = [f'{value / HECTARE:,.3f}' for value in figures]
            share = _percent(areas.net[row, index], areas.old[row, index])
            texts.append('-' if math.isnan(share) else f'{share:+.1f}')
            if known:
                texts += [f'{value[row, index] / HECTARE:,.3f}' for value in (true_net, Z_95 * error)]
            moves.add_row(*map(Text, (str(areas.ids[row]) if index == 0 else '', name, *texts)))
    if len(areas.ids) > shown:
        moves.caption = f'and {counted(len(areas.ids) - shown, "more zone")}: write them all with --out'
    return [matrix, moves]


def _share(square_metres: float, total: float) -> str:
    return f'{square_metres / HECTARE:,.3f} ({100 * square_metres / total:.2f})'


def kept_apart_line(areas: ChangeAreas) -> str:
    """Return in one line which changes are kept apart."""
    edge, small = (float(areas.whole[kind].sum()) for kind in (EDGE, SMALL))
    line = f'{edge / HECTARE:,.3f} ha of change narrower than {areas.tolerance} pixels are kept apart as edge'
    if areas.tolerance == 1:
        line = 'no change is kept apart as edge'
    if areas.min_area is not None:
        line += f', {small / HECTARE:,.3f} ha in patches below {areas.min_area:g} m² as small change'
    return line


def worth_line(areas: ChangeAreas) -> str:
    """Return in one line what the net change is worth."""
    if areas.accuracy is not None:
        return f'the true net change is the difference of the estimated true areas: {FORMULA}'
    off = FEW * math.sqrt(2)
    return (
        f'the errors of the maps are not known: if the area of a class is off by {FEW:g} % in each map, a net '
        f'change below {off:.0f} % of it may be no change; give --accuracy OLD NEW for the error of the net change'
    )


def write_table(areas: ChangeAreas, path: Path, *, excel: bool = False) -> None:
    """Write the areas in the form that the suffix names, and beside it the files that programs need to read it well.

    Args:
        areas: of change.
        path: the file.
        excel: begin a CSV with the mark that tells Excel it is UTF-8.

    Raises:
        ConfigError: two columns would have the same name, or a GeoPackage is asked for without zones.
        DataError: the file cannot be written.
    """
    table, suffix = columns(areas), path.suffix.lower()
    try:
        with whole_set(path) as part:
            if suffix == '.gpkg':
                if areas.zones is None:
                    raise ConfigError(f'{path} holds zones: give --zones')
                titles = {'change_percent': 'changed, of what both maps have (%)'}
                style = percent_style('change_percent', LOSS, titles=titles)
                write_zones(part, areas.zones, table, layer='change', style=style)
            elif suffix == '.csv':
                part.write_bytes(table_text(table).encode('utf-8-sig' if excel else 'utf-8'))
                part.with_suffix('.csvt').write_text(column_types(table))
            else:
                text = json.dumps(change_json(areas), indent=2, allow_nan=False, ensure_ascii=False)
                part.write_bytes(f'{text}\n'.encode())
    except (OSError, *PYOGRIO_ERRORS) as error:
        reason = getattr(error, 'strerror', None) or short_reason(error)
        raise DataError(f'{path} cannot be written ({reason}): choose a folder that is writable') from error


def _percent(part: Any, whole: Any) -> Any:
    """Return percent, nan where there is nothing to share."""
    undefined = np.full(np.broadcast(part, whole).shape, np.nan)
    return 100 * np.divide(part, whole, out=undefined, where=np.asarray(whole) > 0)
