"""Turn a config of MMSegmentation 0.x into one of 1.x: python tools/migrate_config.py OLD.py NEW.py."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(description='Turn a config of MMSegmentation 0.x into one of 1.x that builds.')
    line.add_argument(
        'old', help='the config of 0.x, with its _base_ files; the tool runs it, as mmengine runs every config'
    )
    line.add_argument('new', help='the file to write, .py')
    add_shared(line, '--overwrite', help='replace NEW if it exists')
    return line


def migrate(args: argparse.Namespace) -> str:
    """Migrate as the command line says, return the notes and the closing line."""
    from mmseg_aux_hrnet.exchange.migration.migrate import migrate_file

    report = migrate_file(args.old, args.new, overwrite=args.overwrite)
    closing = f'{args.new}: builds; train it with: python tools/train.py {args.new}'
    return '\n'.join([*report.lines(), closing])


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), migrate, argv)


if __name__ == '__main__':
    sys.exit(main())
