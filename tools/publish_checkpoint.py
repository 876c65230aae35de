"""Publish a checkpoint: python tools/publish_checkpoint.py WORK_DIR OUT_DIR."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Write the weights of a checkpoint, without optimizer and log, to OUT_DIR/NAME-HASH.pth, and a '
        'model card beside it. HASH is the beginning of the SHA-256.',
        epilog='See docs/weights.md.',
    )
    add = line.add_argument
    add(
        'source',
        type=Path,
        metavar='CHECKPOINT',
        help='a checkpoint or a work dir (its best checkpoint, else its last)',
    )
    add('folder', type=Path, metavar='OUT_DIR', help='folder to write to')
    add('--name', help='name of the file (default: the name of the run)')
    add('--metrics', type=Path, metavar='JSON', help='metrics.json of tools/test.py --report for this checkpoint')
    add('--data', metavar='TEXT', help='training data, for the card')
    add('--licence', metavar='TEXT', help='licence of the weights, for the card')
    add('--safetensors', action='store_true', help='write .safetensors instead of .pth')
    add('--fp16', action='store_true', help='store the weights in float16, half the size; test the file again')
    add_shared(line, '--overwrite', help='replace files of the same name')
    return line


def publish(args: argparse.Namespace) -> str:
    """Publish as the command line says and return the closing line."""
    from mmseg_aux_hrnet.exchange.publishing import publish as published
    from mmseg_aux_hrnet.weights import Checkpoint, best_checkpoint

    source = best_checkpoint(args.source)
    file, card = published(
        Checkpoint(source, hashed=True),
        args.folder,
        name=args.name,
        suffix='.safetensors' if args.safetensors else '.pth',
        metrics=args.metrics,
        data=args.data,
        licence=args.licence,
        half=args.fp16,
        overwrite=args.overwrite,
    )
    sizes = [path.stat().st_size / 1e6 for path in (source, file)]
    return f'{source} ({sizes[0]:.1f} MB) -> {file} ({sizes[1]:.1f} MB)\n{card}'


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), publish, argv)


if __name__ == '__main__':
    sys.exit(main())
