"""Turn a config of MMSegmentation 0.x, or a YAML of the official HRNet code, into one of 1.x.

python tools/migrate_config.py OLD NEW.py
"""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        description='Turn a config of MMSegmentation 0.x, or a YAML of the official HRNet code, into one that builds.'
    )
    line.add_argument('old', help='the config of 0.x, run with its _base_ files; or the YAML')
    line.add_argument('new', help='the file to write, .py')
    line.add_argument('settings', nargs='*', metavar='KEY VALUE', help='of a YAML: settings in place of its own')
    add_shared(line, '--overwrite', help='write NEW even if it exists')
    return line


def migrate(args: argparse.Namespace) -> str:
    """Migrate as the command line says, return the notes and the closing line."""
    from mmseg_aux_hrnet.exchange.migration.migrate import migrate_file

    report = migrate_file(args.old, args.new, settings=args.settings, overwrite=args.overwrite)
    closing = f'{args.new}: builds; train it with: python tools/train.py {args.new}'
    return '\n'.join([*report.lines(), closing])


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    return run(parser(), migrate, argv, mixed=True)


if __name__ == '__main__':
    sys.exit(main())
