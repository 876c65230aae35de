"""Edits of a config for testing: which images, what is measured and written, how predictions are averaged."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.files.names import OutputFiles
from mmseg_aux_hrnet.run.config import datasets_of

SCALE_RANGE = (0.05, 20.0)


def set_evaluators(config: Config, *, has_labels: bool, out: str | None) -> None:
    """Measure where there are labels; write predictions to ``out`` where asked for, always where there are none."""
    evaluators: list[Any] = []
    if has_labels:
        given = config.test_evaluator
        evaluators += given if isinstance(given, (list, tuple)) else [given]
    if out is not None:
        evaluators.append(ConfigDict(type='PredictionWriter', output_dir=out))
    config.test_evaluator = evaluators


def check_file_names(dataset: Any, folder: str | Path) -> None:
    """Make the folder of maps or pictures and raise, before hours of inference, where a file of an image cannot be.

    Raises:
        DataError: two images would have the same file, or one would overwrite an input.
    """
    files = OutputFiles(folder)
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        files.target(str(info['img_path']), label_path=info.get('seg_map_path'))


def set_split(config: Config, split: str) -> None:
    """Test on the images of ``split``, test or val.

    Raises:
        ConfigError: the config has no validation images.
    """
    if split == 'val':
        if config.get('val_dataloader') is None:
            raise ConfigError('--split val: this config has no val_dataloader; set one, or test on the test images')
        # The loader is replaced, so that every later edit of the test loader reaches it.
        config.test_dataloader = config.val_dataloader


def keeps_probabilities(config: Config) -> bool:
    """Return whether the samples that the model predicts carry what a threshold can be on."""
    return 'module' not in config.model or str(config.model.type).endswith('ProbabilityTTAModel')


def add_sweep(config: Config) -> None:
    """Measure every threshold on the probability of one of two classes too.

    Raises:
        ConfigError: predictions are averaged in a way that keeps no probabilities.
    """
    if not keeps_probabilities(config):
        raise ConfigError(f'--sweep with {config.model.type}: only ProbabilityTTAModel keeps the mean probabilities')
    if not any(str(evaluator.type).endswith('ThresholdMetric') for evaluator in config.test_evaluator):
        config.test_evaluator.append(ConfigDict(type='ThresholdMetric'))


def count_for_report(config: Config, *, tolerance: float) -> None:
    """Keep tiles, and count contours too, ``tolerance`` in pixels, by the config's ConfusionMetric where it has one."""
    config.test_evaluator.append(ConfigDict(type='TileKeeper'))
    for evaluator in config.test_evaluator:
        if getattr(evaluator.type, '__name__', evaluator.type).split('.')[-1] == 'ConfusionMetric':
            evaluator.boundary_tolerance = tolerance
            return
    # The prefix keeps its keys apart from those of the config's metric.
    config.test_evaluator.append(ConfigDict(type='ConfusionMetric', boundary_tolerance=tolerance, prefix='report'))


def parse_scales(given: str | Sequence[float]) -> tuple[float, ...]:
    """Return scales, of numbers or of a comma-separated list of them.

    Raises:
        ConfigError: one is not a number within ``SCALE_RANGE``.
    """
    parts = given.split(',') if isinstance(given, str) else given
    try:
        scales = tuple(float(part) for part in parts)
    except ValueError:
        scales = ()
    low, high = SCALE_RANGE
    if not scales or not all(low <= scale <= high for scale in scales):
        raise ConfigError(f'--scales {given}: give numbers from {low} to {high}, separated by commas: 0.75,1.0,1.25')
    return scales


def set_test_time_augmentation(config: Config, *, scales: Sequence[float], flip: bool) -> None:
    """Test at several scales, and mirrored where ``flip``, and average the probabilities.

    A scale multiplies the size that the test pipeline resizes to, or the image's own size where it does not resize.
    """
    for dataset in datasets_of(config.test_dataloader.dataset):
        loader, *rest = dataset.pipeline
        resize = next((step for step in rest if step.type == 'Resize'), None)
        after = [step for step in rest if step is not resize and step.type != 'LoadAnnotations']
        # Labels are loaded after resizing and mirroring: predictions are turned back, and the label is not touched.
        label = [step for step in rest if step.type == 'LoadAnnotations']
        flips = [{'type': 'RandomFlip', 'prob': float(mirrored)} for mirrored in ((False, True) if flip else (False,))]
        transforms = [[_scaled(resize, scale) for scale in scales], flips, *([step] for step in (*label, *after))]
        dataset.pipeline = [loader, {'type': 'TestTimeAug', 'transforms': transforms}]
    config.model = ConfigDict(config.get('tta_model') or {'type': 'ProbabilityTTAModel'}, module=config.model)


def _scaled(resize: Any, scale: float) -> dict[str, Any]:
    if resize is None:  # the image's own size is what is multiplied
        return {'type': 'Resize', 'scale_factor': scale, 'keep_ratio': True}
    if resize.get('scale') is None:
        factor = resize.scale_factor
        sides = (factor, factor) if isinstance(factor, (int, float)) else factor
        return dict(resize, scale_factor=tuple(side * scale for side in sides))
    sides = (resize.scale, resize.scale) if isinstance(resize.scale, int) else resize.scale
    return dict(resize, scale=tuple(round(side * scale) for side in sides))
