"""Test a checkpoint: python tools/test.py CONFIG CHECKPOINT --eval mIoU."""

import argparse
import sys
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(description='Measure a checkpoint on the test data of a config, or predict.')
    line.add_argument('config', help='the config that the checkpoint was trained with')
    line.add_argument('checkpoint', type=Path, help='a .pth file, or a work dir: its best checkpoint, else its last')
    line.add_argument('--eval', nargs='+', default=['mIoU'], metavar='NAME', help='figures to repeat below the table')
    line.add_argument('--data-root', metavar='DIR', help='folder of the data set, for every loader of the config')
    line.add_argument('--work-dir', metavar='DIR', help='folder for logs (default: work_dirs/CONFIG)')
    line.add_argument('--split', choices=('test', 'val'), default='test', help='list of images (default: %(default)s)')
    line.add_argument('--threshold', metavar='T', help="class of interest where p >= T; 'argmax': ignore a stored one")
    line.add_argument('--sweep', action='store_true', help='also measure every threshold, for models of two classes')
    line.add_argument('--out', metavar='DIR', help='write label maps, palette PNG under the name of the image')
    line.add_argument('--show-dir', metavar='DIR', help='write pictures: image, reference, prediction')
    line.add_argument('--scales', metavar='S,S,...', help='average predictions at these multiples of the test size')
    line.add_argument('--flip', action='store_true', help='average with predictions of the mirrored image')
    line.add_argument(
        '--launcher', choices=('none', 'pytorch', 'slurm'), default='none', help='what started several processes'
    )
    line.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings of the config to override'
    )
    return line


def test(args: argparse.Namespace) -> str:
    """Test as the command line says and return the closing line."""
    from mmengine.runner import Runner

    from mmseg_aux_hrnet import launch, run_config
    from mmseg_aux_hrnet.evaluation.headline import check_headlines, headline
    from mmseg_aux_hrnet.models import use_threshold
    from mmseg_aux_hrnet.threshold import parse_option
    from mmseg_aux_hrnet.weights import best_checkpoint, load_model_weights

    check_headlines(args.eval)
    parse_option(args.threshold)
    config = run_config.load_config(args.config, run_config.parse_options(args.cfg_options))
    launch.join_processes(config, args.launcher)
    work_dir = run_config.set_work_dir(config, args.work_dir, name=Path(args.config).stem)
    run_config.set_split(config, args.split)
    run_config.set_data_root(config, args.data_root)
    run_config.check_data_root(config, ('test_dataloader',))
    if args.scales is not None or args.flip:
        scales = run_config.parse_scales(args.scales or '1.0')
        run_config.set_test_time_augmentation(config, scales=scales, flip=args.flip)
    dataset = run_config.build_test_dataset(config)
    has_labels = getattr(dataset, 'has_labels', True)
    out = args.out or (None if has_labels else str(work_dir / 'predictions'))
    run_config.set_evaluators(config, has_labels=has_labels, out=out)
    if args.sweep:
        run_config.add_sweep(config, has_labels=has_labels)
    if args.show_dir is not None:
        run_config.add_pictures(config, args.show_dir)
    runner = Runner.from_cfg(config)
    checkpoint = best_checkpoint(args.checkpoint)
    meta = load_model_weights(runner.model, checkpoint)
    use_threshold(runner.model, args.threshold, meta=meta, dataset_meta=dataset.metainfo, source=checkpoint)
    figures = runner.test()
    return headline(figures, args.eval) if has_labels else f'no labels, so no figures; predictions: {out}'


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    args = parser().parse_args(argv)
    try:
        from mmseg_aux_hrnet.command import run_tool
    except ImportError as error:  # the stack is missing: its message says what to type
        print(f'error: {error}', file=sys.stderr)
        return 2
    return run_tool(test, args)


if __name__ == '__main__':
    sys.exit(main())
