"""Draw the artificial scenes of the demo."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import progress, run

LISTS = Path(__file__).resolve().parents[1] / 'splits' / 'demo'


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Draw small artificial aerial scenes with exact labels of the green, to try the tools.'
    )
    line.add_argument('--out', help='folder to write (default: data/demo, or data/survey)')
    line.add_argument(
        '--survey',
        action='store_true',
        help='draw an orthophoto with polygons of the green, and a raster with districts (docs/first_map.md)',
    )
    line.add_argument('--lists', default=LISTS, help='folder of train.txt, val.txt, test.txt (default: splits/demo)')
    line.add_argument('--seed', type=int, default=0, help='another seed gives other scenes (default: %(default)s)')
    line.add_argument('--force', action='store_true', help='replace demo data of another seed or version')
    return line


def work(args: argparse.Namespace) -> str:
    """Draw as the command line says and return what is there."""
    if args.survey:
        from mmseg_aux_hrnet.demo.orthophoto import write_demo_survey

        out = Path(args.out or 'data/survey')
        with progress('Drawing rasters') as on_scene:
            green = write_demo_survey(out, seed=args.seed, on_scene=on_scene)
        shares = [f'  {name}.tif, {100 * share:.1f} % green' for name, share in green.items()]
        return '\n'.join([f'{out}: demo survey written, with green.gpkg and districts.gpkg', *shares])
    from mmseg_aux_hrnet.demo.dataset import write_demo_data

    with progress('Drawing scenes') as on_scene:
        data = write_demo_data(
            args.out or 'data/demo', lists_dir=args.lists, seed=args.seed, force=args.force, on_scene=on_scene
        )
    lines = [f'{data.root}: {"demo data is complete, kept as it is" if data.reused else "demo data written"}']
    for split, count in data.counts.items():
        lines.append(f'  {split:5} {count:3} scenes, {100 * data.green[split]:.1f} % green')
    return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), work, argv)


if __name__ == '__main__':
    sys.exit(main())
