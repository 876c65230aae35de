"""Export a network: python tools/export.py CONFIG CHECKPOINT OUT.onnx, or green OUT.onnx of the zoo."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Write a trained model as one file for other programs, ONNX or .pt2 of torch.export. It takes an '
        'image, and gives probabilities and a class map of the same size. The tool compares the file with PyTorch '
        'before the file gets its name.'
    )
    add = line.add_argument
    add(
        'words',
        nargs='+',
        metavar='NETWORK OUT',
        help='first the network: a name that tools/zoo.py lists, or a config and a checkpoint or work dir; then the '
        'file to write, .onnx or .pt2',
    )
    add(
        '--for',
        dest='target',
        choices=('any', 'deepness'),
        default='any',
        help='deepness is a plugin of QGIS (default: any)',
    )
    add('--classes-only', action='store_true', help='give only the class map, without probabilities')
    add_shared(line, '--threshold')
    add('--fp16', action='store_true', help='compute in float16: half the size, differences up to 0.02')
    add('--fuse', action=argparse.BooleanOptionalAction, default=True, help='fold batch norm into convolutions')
    add('--fixed-size', action='store_true', help='take images of the tile size only')
    add(
        '--tile-size',
        type=int,
        metavar='PIXELS',
        help='side of the tiles (default: as in predict_raster)',
    )
    add('--tile-overlap', type=int, metavar='PERCENT', help='overlap of the tiles (default: 33)')
    add(
        '--gsd',
        type=float,
        metavar='METRES',
        help='ground sampling distance in metres per pixel, if the config has none',
    )
    add(
        '--black-background',
        action=argparse.BooleanOptionalAction,
        help='pixels with 0 in all bands are background; Deepness feeds no data as 0 (default: on with --for deepness)',
    )
    add_shared(line, '--data-root', help='folder of the data set; also compare on its labelled test images')
    add(
        '--metrics',
        type=Path,
        metavar='JSON',
        help='metrics.json of the evaluation report, for the metadata of the file',
    )
    add_shared(line, '--overwrite', help='replace OUT if it exists')
    add_shared(line, '--cfg-options')
    return line


def export(args: argparse.Namespace) -> str:
    """Export as the command line says and return the closing line."""
    from rich.console import Console

    from mmseg_aux_hrnet.exchange.export import ExportSettings, export_model
    from mmseg_aux_hrnet.run import config as run_config
    from mmseg_aux_hrnet.run.trained_model import find_network

    names = (
        'classes_only', 'fp16', 'fuse', 'fixed_size', 'tile_size', 'tile_overlap', 'gsd', 'threshold', 'metrics',
        'black_background', 'overwrite',
    )  # fmt: skip
    given = {name: getattr(args, name) for name in names}
    name, checkpoint, gsd = find_network(args.words[:-1])
    given['gsd'] = gsd if args.gsd is None else args.gsd
    given['data_root'] = None if args.data_root is None else Path(args.data_root)
    settings = ExportSettings(for_deepness=args.target == 'deepness', **given)
    config = run_config.load_config(name, run_config.parse_options(args.cfg_options))
    with Console(stderr=True).status('exporting') as status:
        return export_model(config, checkpoint, Path(args.words[-1]), settings=settings, on_step=status.update)


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), export, argv, mixed=True)


if __name__ == '__main__':
    sys.exit(main())
