"""Edits of a config for training at one of the levels."""

from typing import Any

import torch
from mmengine.device import get_device

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.speed.hardware import has_bfloat16
from mmseg_aux_hrnet.speed.levels import Level, check_level


def set_speed(config: Any, level: Level) -> None:
    """Train in bfloat16 at level ``max`` where the hardware has it; keep the host of a GPU from waiting for it.

    Raises:
        ConfigError: the level is unknown, or the config has an optimizer wrapper of its own at level ``max``.
    """
    check_level(level)
    device = torch.device(get_device())
    if level != 'off' and device.type == 'cuda':
        config.train_dataloader.setdefault('pin_memory', True)
        hooks = config.setdefault('default_hooks', {})
        hooks.setdefault('runtime_info', {'type': 'LateRuntimeInfoHook'})
    if level != 'max' or not has_bfloat16(device):
        return
    kind = config.optim_wrapper.get('type', 'OptimWrapper')
    if kind not in ('OptimWrapper', 'AmpOptimWrapper', 'BFloat16OptimWrapper'):
        raise ConfigError(f'--speed max with optim_wrapper.type={kind}: it sets one of its own, so use --speed safe')
    config.optim_wrapper.type = 'BFloat16OptimWrapper'
    for name in ('loss_scale', 'dtype'):  # of AmpOptimWrapper: bfloat16 has the range of float32
        config.optim_wrapper.pop(name, None)
