"""The recipes that recipe.py trains: a leaf of the configs and what each changes in it."""

from collections.abc import Callable
from typing import Any

from contenders import LOSS, plain_losses, stock_model
from mmengine.config import Config

Edit = Callable[[Config], None]


def _stock(config: Config) -> None:
    """Train mmseg's own network by its own transforms and loss."""
    plain_losses(config.model)
    config.model = stock_model(config.model)
    config.model.decode_head.loss_decode = LOSS
    crop = config.model.data_preprocessor.size
    steps = [dict(step, crop_size=crop) if 'crop_size' in step else step for step in config.stock_train_pipeline]
    config.train_dataloader.dataset.pipeline = steps


def _step(kind: str, **changes: Any) -> Edit:
    """Return what changes one transform of the training."""

    def edit(config: Config) -> None:
        for step in config.train_dataloader.dataset.pipeline:
            if step['type'] == kind:
                step.update(changes)

    return edit


def _colours(brightness: float, spread: float, hue: float) -> Edit:
    """Return what changes how far training images change in colour."""
    factors = 1 - spread, 1 + spread
    changed = {'brightness_delta': brightness, 'hue_delta': hue, 'contrast_range': factors, 'saturation_range': factors}
    return _step('TablePhotoMetricDistortion', **changed)


def _no_colours(config: Config) -> None:
    """Show training images in their own colours."""
    loaded = config.train_dataloader.dataset
    loaded.pipeline = [step for step in loaded.pipeline if step['type'] != 'TablePhotoMetricDistortion']


def _auxiliary(*seen: str, weight: float = 0.4) -> Edit:
    """Return what adds auxiliary decoders, each for the branches that its digits name; 0 is the finest."""

    def edit(config: Config) -> None:
        widths, losses = config.model.decode_head.in_channels, config.model.decode_head.loss_decode
        config.model.auxiliary_head = [
            {
                'type': 'AuxFCNHead',
                'in_channels': [widths[int(branch)] for branch in branches],
                'in_index': list(map(int, branches)),
                'num_classes': config.model.decode_head.num_classes,
                'norm_cfg': config.model.decode_head.norm_cfg,
                'loss_decode': [{**loss, 'loss_weight': weight} for loss in losses],
            }
            for branches in seen
        ]

    return edit


def _decayed(config: Config) -> None:
    """Let the weight of the auxiliary decoders fall to zero."""
    _import(config, 'auxiliary_decay')
    config.custom_hooks = [*config.custom_hooks, {'type': 'AuxiliaryDecayHook'}]


def _import(config: Config, module: str) -> None:
    """Let the training import a module that lies beside this file or on PYTHONPATH."""
    config.custom_imports = {'imports': [*config.get('custom_imports', {}).get('imports', []), module]}


def _no_mean(config: Config) -> None:
    """Predict with the weights as they are, not with their mean over iterations."""
    del config.default_hooks.ema  # mmengine takes None for its own hooks only


def _even_mean(config: Config) -> None:
    """Take the mean over as many iterations at first, when the weights still move far, as later."""
    config.default_hooks.ema = {'type': 'EMAHook', 'momentum': config.default_hooks.ema.momentum}


def _copy_paste(config: Config) -> None:
    """Paste pieces of the class of interest from other tiles."""
    steps = config.train_dataloader.dataset.pipeline
    cut = next(place for place, step in enumerate(steps) if step['type'] == 'RandomScaledCrop')
    donor = [dict(step) for step in steps[: cut + 1]]
    steps.insert(cut + 1, {'type': 'CopyPaste', 'transforms': donor})


def _losses(*losses: dict[str, Any]) -> Edit:
    """Return what trains the decoder by other losses."""

    def edit(config: Config) -> None:
        config.model.decode_head.loss_decode = [dict(loss) for loss in losses]

    return edit


def _half_batches(config: Config) -> None:
    """Train by half as many images an iteration, of which there are twice as many then."""
    config.train_dataloader.batch_size //= 2


def _smp_unet(config: Config) -> None:
    """Train U-Net-ResNet34 of segmentation_models_pytorch by our recipe; peers/ must be on PYTHONPATH."""
    _import(config, 'smp_unet')
    config.param_scheduler[0].end = config.param_scheduler[1].begin = 20  # it makes few iterations in its time
    config.model.backbone = {'type': 'SmpUnet'}
    config.model.decode_head = {
        'type': 'LogitsHead',
        'in_channels': 2,
        'channels': 2,
        'num_classes': 2,
        'loss_decode': config.model.decode_head.loss_decode,
    }


STRONG_COLOURS = {'brightness_delta': 48, 'contrast_range': (0.5, 1.6), 'saturation_range': (0.3, 1.7), 'hue_delta': 24}
PEER = 'U-Net-ResNet34 (smp), AdamW'  # needs a package that is not installed with this one, so only on demand
CROSS_ENTROPY = {'type': 'CrossEntropyLoss', 'loss_weight': 1.0}
LOVASZ = {'type': 'LovaszLoss', 'reduction': 'none', 'loss_weight': 1.0}
RECIPES: dict[str, tuple[str, tuple[Edit, ...]]] = {
    'stock mmseg': ('', (_stock,)),
    'SGD': ('', ()),
    PEER: ('-adamw', (_smp_unet,)),
    f'{PEER} without mean': ('-adamw', (_smp_unet, _no_mean)),
    'AdamW': ('-adamw', ()),
    'AdamW without mean': ('-adamw', (_no_mean,)),
    'AdamW, even mean': ('-adamw', (_even_mean,)),
    'AdamW, Lovász for Dice': ('-adamw', (_losses(CROSS_ENTROPY, LOVASZ),)),
    'AdamW, cross entropy alone': ('-adamw', (_losses(CROSS_ENTROPY),)),
    'AdamW, batches of 4': ('-adamw', (_half_batches,)),
    'AdamW + copy-paste': ('-adamw', (_copy_paste,)),
    'AdamW without turns': ('-adamw', (_step('RandomScaledCrop', turns=False),)),
    'AdamW, colours of mmseg': ('-adamw', (_colours(32, 0.5, 18),)),
    'AdamW, colours as they are': ('-adamw', (_no_colours,)),
    'AdamW, strong colours': ('-adamw', (_step('TablePhotoMetricDistortion', **STRONG_COLOURS),)),
    'AdamW, first windows': ('-adamw', (_step('RandomScaledCrop', cat_max_ratio=1.0),)),  # not those of more classes
    'AdamW, scales 0.75 to 1.5': ('-adamw', (_step('RandomScaledCrop', ratio_range=(0.75, 1.5)),)),
    'AdamW + aux 123, 23': ('-adamw', (_auxiliary('123', '23'),)),
    'AdamW + aux 123': ('-adamw', (_auxiliary('123'),)),
    'AdamW + aux 23': ('-adamw', (_auxiliary('23'),)),
    'AdamW + aux 0': ('-adamw', (_auxiliary('0'),)),
    'AdamW + aux 123, 23, falling to 0': ('-adamw', (_auxiliary('123', '23'), _decayed)),
    'AdamW + aux 123, 23 of weight 0.2': ('-adamw', (_auxiliary('123', '23', weight=0.2),)),
    'AdamW + aux 123, 23 of weight 1': ('-adamw', (_auxiliary('123', '23', weight=1.0),)),
}
