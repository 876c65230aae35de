"""Publishes a network of the zoo, tests the published file, and writes its card. A program writes every figure.

Usage: python benchmarks/zoo_card.py NAME CHECKPOINT DATA_ROOT [--zoo FOLDER]

CHECKPOINT was trained with the config in CONFIGS, and zoo_data.py made DATA_ROOT. Three files go to FOLDER (default:
mmseg_aux_hrnet/zoo): the weights in float16 (.safetensors), NAME.json (the record that the package reads, with every
figure) and NAME.md (zoo_NAME.md with the figures filled in). They replace an older network of that name.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from PIL import Image
from rich.console import Console

import mmseg_aux_hrnet
from mmseg_aux_hrnet.classes import class_set
from mmseg_aux_hrnet.evaluation.bootstrap import intervals
from mmseg_aux_hrnet.evaluation.rates import class_rates, rates_by_key
from mmseg_aux_hrnet.exchange.card import COMMIT, literals
from mmseg_aux_hrnet.exchange.publishing import publish
from mmseg_aux_hrnet.report.metrics_file import read_report
from mmseg_aux_hrnet.run import TestOptions, test
from mmseg_aux_hrnet.run.config import dataset_meta
from mmseg_aux_hrnet.weights import Checkpoint
from mmseg_aux_hrnet.weights.writing import checkpoint_bytes, write_file
from mmseg_aux_hrnet.weights.zoo import FOLDER

CONFIGS = {'green': 'zoo/fcn_hr18s-v1_256x256_5000it_green.py'}
# Name in the card: list below splits/, size that images are tested at, least IoU that was the goal (None for none).
TESTS: dict[str, tuple[str, tuple[int, int] | None, float | None]] = {
    'Dubai': ('test_dubai.txt', None, 62),
    'NAIP': ('test_naip.txt', None, 78),
    'naip4': ('test_naip4.txt', None, 78),
    'naip4, pixels of 0.6 m as they are': ('test_naip4.txt', (256, 256), None),
}
# Settings that differ from run to run. No weight depends on them.
PLACES = ('_dataloader.num_workers', 'persistent_workers', 'data_root', 'cache_dir', 'work_dir', 'launcher', 'listed')
ONE_IN = 10_000  # pixels, of which one may get another class by float16
MOST = 8_000_000  # bytes of the weights


def changes(trained: Any, config: Any, place: str = '') -> dict[str, Any]:
    """Return the settings of a training that differ from the config, by dotted keys."""
    if isinstance(trained, (list, tuple)) and isinstance(config, (list, tuple)) and len(trained) == len(config):
        trained, config = dict(enumerate(trained)), dict(enumerate(config))
    if not isinstance(trained, Mapping) or not isinstance(config, Mapping):
        return {} if trained == config else {place: trained}
    found: dict[str, Any] = {}
    for key in trained:
        where = f'{place}.{key}'.lstrip('.')
        if not any(word in where for word in PLACES) and not where.startswith(('test_', 'default_hooks.logger')):
            found |= changes(trained[key], config.get(key), where)
    return found


def described(checkpoint: Checkpoint, config: Config) -> dict[str, Any]:
    """Return the content to publish: it has a threshold, and the config of the package, without paths of a machine."""
    meta: dict[str, Any] = {
        key: checkpoint.meta[key] for key in ('iter', 'epoch', 'seed', 'size_divisor') if key in checkpoint.meta
    }
    # mmengine glues the commit of the folder that it was called in to its version.
    versions = {key: COMMIT.sub('', str(checkpoint.meta[key])) for key in checkpoint.meta if key.endswith('_version')}
    classes = class_set(dataset_meta(config))
    named = {**classes.meta(), 'class_of_interest': classes.name_of_interest, 'gsd': config.gsd}
    threshold = {'class': classes.name_of_interest, 'value': 0.5}
    meta |= {**versions, 'cfg': config.pretty_text, 'dataset_meta': named, 'threshold': threshold}
    return {'meta': meta, 'state_dict': checkpoint.weights}


def measured(config: Config, weights: dict[str, Path], root: Path, out: Path) -> dict[str, Any]:
    """Test the network as published and as trained on every list; return figures by list, and what float16 changed.

    Args:
        config: of the network.
        weights: files, ``half`` and ``whole``.
        root: of the joined data.
        out: folder for reports and maps.
    """
    figures: dict[str, Any] = {}
    changed = pixels = 0
    screen = Console(stderr=True)
    for name, (listed, size, goal) in TESTS.items():
        with screen.status(f'testing on {name}'):
            reports = {}
            for form, file in weights.items():
                options: dict[str, Any] = {
                    'test_dataloader.dataset.ann_file': f'splits/{listed}',
                    'test_dataloader.num_workers': 0,
                }
                if size is not None:
                    options['test_dataloader.dataset.pipeline.1.scale'] = size
                folder = out / f'{name}_{form}'
                settings = TestOptions(
                    data_root=root, work_dir=folder, out=folder / 'maps', report=folder / 'report', cfg_options=options
                )
                test(config, file, settings)
                reports[form] = folder
        figures[name] = {**list_figures(read_report(reports['half'] / 'report')), 'goal': goal}
        for path in (reports['half'] / 'maps').glob('*.png'):
            pair = [np.asarray(Image.open(folder / 'maps' / path.name)) for folder in reports.values()]
            changed, pixels = changed + int((pair[0] != pair[1]).sum()), pixels + pair[0].size
    return {'tests': figures, 'float16': {'changed': changed, 'pixels': pixels}}


def list_figures(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of the class of interest on a list, with intervals, and those of each of its places."""
    names, interest = [row['name'] for row in report['classes']], report['class_of_interest']
    row, sweep, index = report['classes'][names.index(interest)], report['threshold_sweep'], names.index(interest)
    by_place: dict[str, list[Any]] = {}
    for image in report['images']:
        by_place.setdefault(image['name'].rsplit('_', 1)[0], []).append(image['counts'])
    places = {}
    for place, counts in sorted(by_place.items()):
        stack = np.array(counts, np.int64)
        ends = intervals(stack, rates=partial(rates_by_key, names=names))[f'IoU.{interest}']
        places[place] = {'images': len(stack), 'iou': class_rates(stack.sum(axis=0))[index].iou, 'interval': ends}
    return {
        'images': report['run']['images'],
        **{key: row[key] for key in ('iou', 'f1', 'precision', 'recall')},
        'interval': report['intervals']['values'][f'IoU.{interest}'],
        'area_ratio': row['predicted'] / row['support'],
        'average_precision': sweep['average_precision'],
        'ece': sweep['ece'],
        'places': places,
    }


def tables(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the text of each placeholder of a card, Markdown."""
    rows = ['test | images | IoU (95 % interval) | goal | precision | recall | marked / true area | AP | ECE']
    cities = ['place | test | images | IoU (95 % interval)']
    for name, one in record['tests'].items():
        goal = '-' if one['goal'] is None else f'{one["goal"]}, {"reached" if one["iou"] >= one["goal"] else "missed"}'
        rates = f'{one["precision"]:.1f} | {one["recall"]:.1f} | {one["area_ratio"]:.2f}'
        calibration = f'{one["average_precision"]:.3f} | {one["ece"]:.3f}'
        rows.append(f'{name} | {one["images"]} | {with_ends(one)} | {goal} | {rates} | {calibration}')
        cities += [f'{place} | {name} | {here["images"]} | {with_ends(here)}' for place, here in one['places'].items()]
    half, trained = record['float16'], record['trained']
    made = ', '.join(f'`{key}={value!r}`' for key, value in trained['changes'].items()) or 'no changes'
    return {
        'TESTS': table(rows),
        'PLACES': table(cities),
        'FLOAT16': f'{half["changed"]} of {half["pixels"]:,} pixels of these tests',
        'TRAINED': f'{trained["iterations"]} iterations, seed {trained["seed"]}, with {made}',
        'THRESHOLD': f'{record["threshold"]["class"]} from a probability of {record["threshold"]["value"]:g}',
        **{key.upper(): str(record[key]) for key in ('file', 'sha256', 'config', 'gsd')},
        'RANGE': ' to '.join(f'{value:g}' for value in record['gsd_range']),
    }


def with_ends(figures: Mapping[str, Any]) -> str:
    """Return an IoU and its interval."""
    low, high = figures['interval']
    return f'{figures["iou"]:.1f} ({low:.1f} to {high:.1f})'


def table(rows: list[str]) -> str:
    """Return rows as a table in Markdown, the first one as its head."""
    dashes = ' | '.join('---' for _ in rows[0].split(' | '))
    return '\n'.join(f'| {row} |' for row in (rows[0], dashes, *rows[1:]))


def publish_and_measure(name: str, checkpoint: Path, root: Path, zoo: Path) -> str:
    """Write the three files and return the card."""
    config = Config.fromfile(mmseg_aux_hrnet.config(CONFIGS[name]))
    template = (Path(__file__).resolve().parent / f'zoo_{name}.md').read_text(encoding='utf-8')
    trained = Checkpoint(checkpoint)
    content = described(trained, config)
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / 'whole.pth'
        write_file(whole, checkpoint_bytes(content, suffix='.pth'))
        half, _ = publish(
            Checkpoint(whole, hashed=True),
            Path(scratch),
            name=f'{name}_{Path(CONFIGS[name]).stem.split("_")[1]}',
            suffix='.safetensors',
            metrics=None,
            data=None,
            licence=None,
            half=True,
            overwrite=False,
        )
        figures = measured(config, {'half': half, 'whole': whole}, root, Path(scratch))
        weights, sealed = half.read_bytes(), Checkpoint(half, hashed=True).sha256
    record = {
        'file': half.name,
        'sha256': sealed,
        'config': CONFIGS[name],
        'title': template.partition('\n')[0].partition(': ')[2],
        'gsd': config.gsd,
        'gsd_range': list(config.gsd_range),
        'threshold': content['meta']['threshold'],
        'trained': {
            'iterations': trained.meta.get('iter'),
            'seed': trained.meta.get('seed'),
            'changes': changes(literals(trained.meta['cfg']), literals(config.pretty_text)),
        },
        **figures,
    }
    check(record, size=len(weights))
    card = template
    for word, text in tables(record).items():
        card = card.replace(f'{{{word}}}', text)
    zoo.mkdir(parents=True, exist_ok=True)
    write_file(zoo / half.name, weights)
    write_file(zoo / f'{name}.md', card.encode())
    write_file(zoo / f'{name}.json', (json.dumps(record, indent=2) + '\n').encode())
    for old in zoo.glob(f'{name}_*.safetensors'):
        if old.name != half.name:
            old.unlink()
    return card


def check(record: Mapping[str, Any], *, size: int) -> None:
    """End the program where a network must not be published, whatever its IoU."""
    half = record['float16']
    if half['changed'] * ONE_IN > half['pixels']:
        raise SystemExit(f'float16 changes {half["changed"]} of {half["pixels"]} pixels: more than 1 in {ONE_IN}')
    if size >= MOST:
        raise SystemExit(f'the weights take {size} bytes: {MOST} is the most')


def main(argv: list[str] | None = None) -> None:
    """Publish, measure and print the card."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('name', choices=CONFIGS)
    line.add_argument('checkpoint', type=Path, metavar='CHECKPOINT')
    line.add_argument('root', type=Path, metavar='DATA_ROOT')
    line.add_argument('--zoo', type=Path, default=FOLDER, metavar='FOLDER', help='default: %(default)s')
    args = line.parse_args(argv)
    print(publish_and_measure(args.name, args.checkpoint, args.root, args.zoo))


if __name__ == '__main__':
    main()
