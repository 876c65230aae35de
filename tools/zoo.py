"""List the trained networks that come with the package, or describe one: python tools/zoo.py [NAME]."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='List the trained networks that come with the package, or print the model card of one.',
        epilog='To map a raster: python tools/predict_raster.py NAME ORTHO.tif --out maps',
    )
    line.add_argument('name', nargs='?', metavar='NAME', help='name of a network (default: list all)')
    return line


def describe(args: argparse.Namespace) -> str:
    """Return the list, or the card of one."""
    from mmseg_aux_hrnet.weights.zoo import card, zoo_model, zoo_models

    if args.name is not None:
        model, path = zoo_model(args.name)
        return f'{card(args.name)}\nfile: {path}\nconfig: mmseg_aux_hrnet::{model.config}'
    sizes = {name: zoo_model(name)[1].stat().st_size / 1e6 for name in zoo_models()}
    lines = [f'{name:12} {size:4.1f} MB  {zoo_models()[name].title}' for name, size in sizes.items()]
    return '\n'.join(lines or ['this package came without networks'])


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), describe, argv)


if __name__ == '__main__':
    sys.exit(main())
