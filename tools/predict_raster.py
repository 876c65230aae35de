"""Predict the classes of rasters: python tools/predict_raster.py green IN... --out DIR, or CONFIG CHECKPOINT IN..."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Write the class map of rasters of any size, as a GeoTIFF on the same grid: DIR/NAME_classes.tif. '
        'Several processes share the work: torchrun --nproc_per_node=N tools/predict_raster.py ...'
    )
    add = line.add_argument
    add(
        'inputs',
        nargs='+',
        metavar='NETWORK IN',
        help='first the network: a name that tools/zoo.py lists, or a config and a checkpoint or work dir; then '
        'rasters, folders of them, patterns such as "ortho/*.tif", addresses (https://, s3://, ...), or lists of them '
        '(.txt, items of STAC as .json or .parquet)',
    )
    add(
        '--out',
        type=Path,
        required=True,
        metavar='DIR',
        help='folder of the maps, or s3://BUCKET/FOLDER, gs://..., az://...',
    )
    add(
        '--scratch',
        type=Path,
        metavar='DIR',
        help='where maps that go to a bucket are made (default: the folder of the system for temporary files)',
    )
    add('--asset', metavar='NAME', help='items of STAC: name or role of the asset (default: the only raster)')
    add('--bands', metavar='R,G,B', help='names or numbers of red, green and blue (default: from the raster)')
    add('--scale', metavar='LOW:HIGH', help='values that become 0 and 255, for rasters that do not have 8 bits')
    add('--nodata', type=float, metavar='VALUE', help="value of pixels without data (default: the raster's own)")
    add('--nodata-tolerance', type=float, default=0, metavar='N', help='also values that differ from it by N at most')
    add(
        '--window',
        type=int,
        metavar='PIXELS',
        help='side of the windows (default: 512, or the size of the training tiles)',
    )
    add('--overlap', type=float, default=1 / 3, metavar='SHARE', help='overlap of neighbouring windows (default: 0.33)')
    add('--batch-size', type=int, default=4, metavar='N', help='number of windows in a batch (default: %(default)s)')
    add('--device', help='device, such as cpu or cuda:1 (default: the first GPU, else the CPU)')
    add('--amp', action='store_true', help='compute in half precision')
    add_shared(line, '--speed')
    add('--prob', choices=('uint8', 'uint16'), help='also write probabilities: DIR/NAME_prob.tif')
    add('--uncertainty', action='store_true', help='also write where the network is unsure: DIR/NAME_uncertainty.tif')
    add_shared(line, '--threshold')
    add(
        '--tta',
        choices=('none', 'flip', 'd4', 'scales'),
        default='none',
        help='average the prediction over several views of each window',
    )
    add('--gsd', type=float, metavar='METRES', help='resample the windows to this pixel size for the network')
    add('--aoi', type=Path, metavar='FILE', help='polygons: predict only inside them')
    add('--mosaic', action='store_true', help='predict rasters that touch or overlap on one grid as one ground')
    add(
        '--on-top',
        choices=('order', 'newest', 'nearest'),
        help='which raster of a mosaic wins an overlap: the last named (default), the newest, or the nearest centre',
    )
    again = line.add_mutually_exclusive_group()
    again.add_argument('--resume', action='store_true', help='continue an unfinished run and keep finished maps')
    again.add_argument('--overwrite', action='store_true', help='replace maps and unfinished runs')
    together = line.add_mutually_exclusive_group()
    together.add_argument('--part', metavar='I/N', help='predict part I of N only, on any machine (docs/clusters.md)')
    together.add_argument(
        '--finish', action='store_true', help='when the parts are done: write what is whole, list the rest'
    )
    together.add_argument('--ray', metavar='ADDRESS', help='predict on a Ray cluster: auto, or HOST:PORT of its head')
    add('--cpus-per-worker', type=int, metavar='N', help='with --ray: CPUs of each worker, in place of a GPU')
    add_shared(line, '--cfg-options')
    return line


def predict(args: argparse.Namespace) -> str:
    """Predict as the command line says and return the closing line."""
    from mmseg_aux_hrnet.maps.predict.command import run_prediction

    return run_prediction(args)


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    line = parser()
    line.set_defaults(words=sys.argv[1:] if argv is None else argv)
    return run(line, predict, argv, mixed=True)


if __name__ == '__main__':
    sys.exit(main())
