"""Convert trained weights between their forms: python tools/convert_checkpoint.py IN OUT --config CONFIG."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Convert weights of the official HRNet code, of ImageNet, or of MMSegmentation 0.x or 1.x. The '
        'tool recognises the form of the file. Every weight must find its place, unless an option names the exception.',
        epilog='See docs/weights.md.',
    )
    add = line.add_argument
    add('source', type=Path, metavar='IN', help='a checkpoint or a work dir (its best checkpoint, else its last)')
    add('target', type=Path, metavar='OUT', help='file to write, .pth or .safetensors')
    add('--config', help='config of MMSegmentation 1.x for the result')
    add('--to', choices=('mmseg', 'official'), default='mmseg', help='form of the result (default: %(default)s)')
    add(
        '--reset-classifier',
        action='store_true',
        help='draw new weights for the layers that depend on the number of classes',
    )
    auxiliary = line.add_mutually_exclusive_group()
    auxiliary.add_argument(
        '--reset-auxiliary', action='store_true', help='draw new weights for the auxiliary heads of the config'
    )
    auxiliary.add_argument('--drop-auxiliary', action='store_true', help='leave out the auxiliary heads of the file')
    add('--classes', choices=('file', 'config'), help='take class names and colours from here, if they differ')
    add('--trust', action='store_true', help='let the file run its code; the code can do anything that you can do')
    add_shared(line, '--overwrite', help='replace OUT')
    return line


def convert(args: argparse.Namespace) -> str:
    """Convert as the command line says and return the closing line."""
    from mmseg_aux_hrnet.errors import CheckpointError
    from mmseg_aux_hrnet.exchange.converting import Allowed, report, way_out
    from mmseg_aux_hrnet.exchange.converting import convert as converted
    from mmseg_aux_hrnet.exchange.forms import recognise
    from mmseg_aux_hrnet.run.config import load_config
    from mmseg_aux_hrnet.weights import Checkpoint, best_checkpoint
    from mmseg_aux_hrnet.weights.writing import check_target, checkpoint_bytes, write_file

    source = best_checkpoint(args.source)
    check_target(args.target, source=source, overwrite=args.overwrite)
    config = None if args.config is None else load_config(args.config)
    file = recognise(Checkpoint(source, trust=args.trust, hashed=True))
    allowed = Allowed(args.reset_classifier, args.reset_auxiliary, args.drop_auxiliary, args.classes)
    result = converted(file, config=config, target=args.to, allowed=allowed)
    found = f'{source}: {report(result)}'
    if any(result.faults.values()):
        print(found)
        raise CheckpointError(f'{source} does not match, nothing is written: {way_out(result, target=args.to)}')
    content = result.weights if args.to == 'official' else {'meta': result.meta, 'state_dict': result.weights}
    write_file(args.target, checkpoint_bytes(content, suffix=args.target.suffix))
    return f'{found}\nwritten: {args.target}'


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), convert, argv)


if __name__ == '__main__':
    sys.exit(main())
