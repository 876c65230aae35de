"""Estimate areas with standard errors: python tools/estimate_area.py SAMPLE.csv AREAS."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import progress, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Estimate the area and the accuracy of every class of a map, with standard errors, from a '
        'stratified random sample of reference pixels (Olofsson et al. 2014).'
    )
    line.add_argument(
        'sample', type=Path, help='CSV with the columns map and reference, such as that of draw_sample.py'
    )
    line.add_argument(
        'areas',
        type=Path,
        help='mapped areas: a CSV with the columns class and the unit (such as ha), a JSON {"unit": ..., "areas": '
        '{class: area}}, or the map or the folder of maps',
    )
    line.add_argument('--classes', metavar='NAME,NAME', help='for maps: names of the indices 0, 1, ...')
    line.add_argument('--gsd', type=float, metavar='METRES', help='for maps: side of a pixel; gives hectares')
    line.add_argument('--json', type=Path, metavar='FILE', help='also write the estimates to this file')
    return line


def estimate(args: argparse.Namespace) -> str:
    """Estimate as the command line says, print the table and return the closing line."""
    import json

    import numpy as np

    from mmseg_aux_hrnet.errors import DataError, counted
    from mmseg_aux_hrnet.files.outputs import check_file
    from mmseg_aux_hrnet.files.whole import write_whole
    from mmseg_aux_hrnet.run.command import on_screen
    from mmseg_aux_hrnet.sampling.area_estimate import estimate_areas
    from mmseg_aux_hrnet.sampling.area_report import area_json, area_tables
    from mmseg_aux_hrnet.sampling.areas import mapped_areas
    from mmseg_aux_hrnet.sampling.tables import read_sample
    from mmseg_aux_hrnet.screen import print_tables

    if args.json is not None:
        check_file(args.json, advice='name another file for the estimates, or remove it')
    with progress('Counting pixels') as on_map:
        areas, unit = mapped_areas(
            args.areas,
            classes=args.classes,
            gsd=args.gsd,
            on_map=on_map,
        )
    names = tuple(areas)
    counts = read_sample(args.sample, classes=names)
    classes, overall = estimate_areas(counts, mapped=np.array(list(areas.values())), names=names)
    try:
        if args.json is not None:
            content = json.dumps(area_json(classes, overall, unit=unit), indent=2, allow_nan=False)
            write_whole(args.json, content.encode('utf-8'))
    except OSError as error:
        raise DataError(f'{args.json} cannot be written ({error.strerror}): choose a writable folder') from error
    finally:  # also where a disk is full
        with on_screen() as console:
            print_tables(console, *area_tables(classes, overall, unit=unit))
    closing = f'{counted(counts.sum(), "point")} of {args.sample}, areas of {args.areas}'
    return closing if args.json is None else f'{closing}; written to {args.json}'


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), estimate, argv)


if __name__ == '__main__':
    sys.exit(main())
