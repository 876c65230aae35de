"""Edits of a config for training: what it starts from, what it keeps, how it computes and when it stops."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmseg.registry import DATASETS

from mmseg_aux_hrnet.datasets.listed_dataset import ListedDataset
from mmseg_aux_hrnet.engine import ExactSampler
from mmseg_aux_hrnet.engine.trackers import TRACKERS, tracker_settings
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.models.speed import Level, check_level, has_bfloat16
from mmseg_aux_hrnet.run.config import datasets_of
from mmseg_aux_hrnet.run.launch import CPU_WRAPPER
from mmseg_aux_hrnet.weights.zoo import SCHEME, zoo_model

LOADERS = ('train_dataloader', 'val_dataloader')


def set_cache(config: Config, folder: str | Path | None) -> None:
    """Keep the decoded tiles of training and validation in ``folder``, where one is given.

    Raises:
        ConfigError: no data set of the config can.
    """
    if folder is None:
        return
    loaders = [config[loader] for loader in LOADERS if config.get(loader) is not None]
    datasets = [dataset for loader in loaders for dataset in datasets_of(loader.dataset)]
    types = [DATASETS.get(dataset.type) if isinstance(dataset.type, str) else dataset.type for dataset in datasets]
    # A type that a config imports may be a function: issubclass would end in a traceback.
    listed = [isinstance(found, type) and issubclass(found, ListedDataset) for found in types]
    able = [dataset for dataset, can in zip(datasets, listed, strict=True) if can]
    if not able:
        kinds = ', '.join(sorted({str(dataset.type) for dataset in datasets}))
        raise ConfigError(f'--cache {folder}: {kinds} of this config cannot keep decoded tiles: leave --cache out')
    for dataset in able:
        dataset.cache_dir = str(folder)


def set_speed(config: Any, level: Level) -> None:
    """Train in bfloat16 at level ``max`` where the hardware has it; keep the host of a GPU from waiting for it.

    Raises:
        ConfigError: the level is unknown, or the config has an optimizer wrapper of its own at level ``max``.
    """
    check_level(level)
    device = torch.device(get_device())
    if config.get('model_wrapper_cfg', {}).get('type') == CPU_WRAPPER:
        config.model_wrapper_cfg.level = level
    if level != 'off' and device.type == 'cuda':
        config.train_dataloader.setdefault('pin_memory', True)
        hooks = config.setdefault('default_hooks', {})
        hooks.setdefault('runtime_info', {'type': 'LateRuntimeInfoHook'})
    if level != 'max' or not has_bfloat16(device):
        return
    kind = config.optim_wrapper.get('type', 'OptimWrapper')
    if kind not in ('OptimWrapper', 'AmpOptimWrapper', 'BFloat16OptimWrapper'):
        raise ConfigError(f'--speed max with optim_wrapper.type={kind}: max sets another one, so use --speed safe')
    config.optim_wrapper.type = 'BFloat16OptimWrapper'
    for name in ('loss_scale', 'dtype'):  # of AmpOptimWrapper: bfloat16 has the range of float32
        config.optim_wrapper.pop(name, None)


def set_pretrained(config: Config, source: str | None) -> None:
    """Start the backbone from the file or address ``source``; from random weights where it is ``none``.

    Raises:
        ConfigError: the file does not exist.
    """
    if source == 'none':
        _start_backbone(config, None)
    elif source is not None:
        if '://' not in source and not Path(source).is_file():
            raise ConfigError(f'--pretrained {source} is not a file: give a path, an address, or none')
        _start_backbone(config, ConfigDict(type='Pretrained', checkpoint=source))


def set_teacher(config: Config, source: str | None) -> None:
    """Distil from the checkpoint or work dir ``source``.

    Raises:
        ConfigError: the config has no teacher, or there is nothing at ``source``.
    """
    if source is None:
        return
    if 'teacher' not in config.model:
        raise ConfigError(f'--teacher {source}: this config has no teacher; use one of configs/hrnet/*-distill-*.py')
    if not Path(source).exists():
        raise ConfigError(f'--teacher {source} does not exist: give the checkpoint or the work dir of the teacher')
    config.model.teacher_checkpoint = source


def check_precision(config: Config) -> None:
    """Raise where training in half precision has no device for it; mmengine would end in a traceback.

    Raises:
        ConfigError: says what to change.
    """
    if config.optim_wrapper.type == 'AmpOptimWrapper' and get_device() in ('cpu', 'mps'):
        raise ConfigError(
            'AmpOptimWrapper trains in half precision, which needs a GPU: without one, set optim_wrapper.type of the '
            'config to OptimWrapper and remove its loss_scale'
        )


def check_schedule(config: Config) -> None:
    """Raise where a part of the schedule ends before it begins; mmengine would end in a traceback.

    Raises:
        ConfigError: says which, and what to change.
    """
    parts = config.get('param_scheduler') or []
    for number, part in enumerate([parts] if isinstance(parts, dict) else parts):
        begin, end = (part.get('begin', 0), part.get('end')) if isinstance(part, dict) else (0, None)
        if end is not None and end <= begin:
            raise ConfigError(
                f'param_scheduler.{number} begins at {begin} and ends at {end}: train longer, or set '
                f'param_scheduler.{number}.begin, and the end of the one before, to fewer iterations'
            )


def set_resume(config: Config, checkpoint: Path) -> None:
    """Go on from ``checkpoint``; the ImageNet weights it started from are not needed again."""
    config.resume = True
    config.load_from = str(checkpoint)
    _start_backbone(config, None)


def starts_from_zoo(config: Config) -> bool:
    """Say whether a training starts from a network that comes with the package, ``load_from='zoo://NAME'``."""
    return str(config.get('load_from') or '').startswith(SCHEME)


def set_zoo_start(config: Config) -> None:
    """Start from a whole network of the zoo: the ImageNet weights of the config are not needed.

    Raises:
        ConfigError: there is no such network.
        CheckpointError: its file is damaged.
    """
    zoo_model(config.load_from)
    _start_backbone(config, None)


def _start_backbone(config: Config, init_cfg: ConfigDict | None) -> None:
    config.model.pretrained = None  # the older name of the same setting, which mmseg's base configs use
    config.model.backbone.init_cfg = init_cfg


def set_global_batch(config: Config, images: int | None) -> None:
    """Let the processes that have met see ``images`` together in an iteration; as many as the config says where None.

    Epochs are made a whole number of such batches, so that they are the same in any number of processes.

    Raises:
        ConfigError: the processes cannot share them evenly, or the config draws whole batches by itself.
    """
    loader, processes = config.train_dataloader, get_world_size()
    if images is not None:
        if loader.get('batch_sampler') is not None:
            raise ConfigError(f'--global-batch {images}: train_dataloader.batch_sampler of this config makes batches')
        if images < 1 or images % processes:
            raise ConfigError(
                f'--global-batch {images} for {processes} process(es): give a multiple of {processes}, or start as '
                'many processes as divide it'
            )
        loader.batch_size = images // processes
    sampler, size = loader.get('sampler') or {}, loader.get('batch_size')
    if size is not None and sampler.get('type') in ('ExactSampler', 'mmseg_aux_hrnet.ExactSampler', ExactSampler):
        sampler.update(global_batch=size * processes, drop_last=bool(loader.get('drop_last')))


def set_on_bad_sample(config: Config, action: str | None) -> None:
    """Skip and report training samples that cannot be read where ``action`` is 'skip'.

    Raises:
        ConfigError: the config's sampler has no such choice.
    """
    if action != 'skip':
        return
    sampler = config.train_dataloader.sampler
    if not sampler.type.removeprefix('mmseg_aux_hrnet.').startswith('Exact'):
        raise ConfigError(f'--on-bad-sample needs the sampler ExactInfiniteSampler or ExactSampler, not {sampler.type}')
    sampler.on_bad_sample = action
    config.custom_hooks = [*config.get('custom_hooks', []), {'type': 'SkippedSampleHook'}]


def set_early_stop(config: Config, patience: int | None) -> None:
    """Stop after ``patience`` validations without a better figure, that of the best checkpoint.

    Raises:
        ConfigError: ``patience`` is below 1, or the config keeps no best checkpoint.
    """
    if patience is None:
        return
    checkpoint = config.get('default_hooks', {}).get('checkpoint', {})
    monitor = checkpoint.get('save_best')
    if patience < 1 or not isinstance(monitor, str):
        raise ConfigError(
            f'--early-stop {patience} with save_best={monitor!r}: give a count of validations from 1 up, and the '
            'figure as --cfg-options default_hooks.checkpoint.save_best=mIoU'
        )
    hook = {'type': 'EarlyStopHook', 'monitor': monitor, 'rule': checkpoint.get('rule'), 'patience': patience}
    config.custom_hooks = [*config.get('custom_hooks', []), {**hook, 'strict': True}]


def set_trackers(config: Config, names: str | Sequence[str]) -> None:
    """Record the run in the trackers of experiments that ``names`` lists, beside what the config writes to.

    Args:
        config: its work dir is set.
        names: keys of :data:`~mmseg_aux_hrnet.engine.trackers.TRACKERS`, as a list or separated by commas.

    Raises:
        ConfigError: a name is unknown, or its package is not installed.
    """
    wanted = ','.join([names] if isinstance(names, str) else names).split(',')
    for name in (found.strip() for found in wanted if found.strip()):
        if name not in TRACKERS:
            raise ConfigError(f'--track {name} is unknown: use {", ".join(TRACKERS)}, separated by commas')
        if find_spec(name) is None:
            raise ConfigError(f'--track {name} needs the extra {name}: pip install "mmseg-aux-hrnet[{name}]"')
        visualizer = config.setdefault('visualizer', ConfigDict(type='Visualizer', vis_backends=[]))
        kind = TRACKERS[name].removesuffix('Tracker')
        given = list(visualizer.get('vis_backends') or [])
        # One that the config has already keeps its settings, such as the address of a server.
        own = [backend for backend in given if str(backend.type).split('.')[-1].startswith(kind)]
        chosen = ConfigDict({**(own[0] if own else tracker_settings(name, Path(config.work_dir)))})
        chosen.type = TRACKERS[name]
        visualizer.vis_backends = [*(backend for backend in given if backend not in own), chosen]
        if not any(hook.type == 'TrackHook' for hook in config.get('custom_hooks', [])):
            config.custom_hooks = [*config.get('custom_hooks', []), ConfigDict(type='TrackHook')]
