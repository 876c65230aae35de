"""HRNetV2 by the name of its published variant."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from mmengine.logging import print_log
from mmseg.models.backbones import HRNet
from mmseg.models.utils import Upsample
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_aux_hrnet.bands import RGB, make_bands
from mmseg_aux_hrnet.errors import ConfigError, counted
from mmseg_aux_hrnet.weights import load_backbone_weights, weights_file

FuseUpsampling = Literal['official', 'mmseg']
MemoryLayout = Literal['auto', 'given', 'channels_last']


class Arch(NamedTuple):
    """Geometry of one variant.

    Attributes:
        stem_blocks: bottleneck blocks of stage 1.
        stem_channels: width of those blocks; they put out 4 times as many channels.
        modules: multi-resolution modules of stages 2, 3 and 4.
        blocks: basic blocks a branch in every module.
        widths: channels of the branches at stride 4, 8, 16 and 32.
    """

    stem_blocks: int
    stem_channels: int
    modules: tuple[int, int, int]
    blocks: int
    widths: tuple[int, int, int, int]


ARCHS = {
    'w18_small_v1': Arch(1, 32, (1, 1, 1), 2, (16, 32, 64, 128)),
    'w18_small_v2': Arch(2, 64, (1, 3, 2), 2, (18, 36, 72, 144)),
    'w18': Arch(4, 64, (1, 4, 3), 4, (18, 36, 72, 144)),
    'w32': Arch(4, 64, (1, 4, 3), 4, (32, 64, 128, 256)),
    'w40': Arch(4, 64, (1, 4, 3), 4, (40, 80, 160, 320)),
    'w48': Arch(4, 64, (1, 4, 3), 4, (48, 96, 192, 384)),
}


def stage_settings(arch: Arch) -> dict[str, dict[str, Any]]:
    """Return ``arch`` in the form of the ``extra`` argument of mmseg's HRNet."""
    stem = {
        'num_modules': 1,
        'num_branches': 1,
        'block': 'BOTTLENECK',
        'num_blocks': (arch.stem_blocks,),
        'num_channels': (arch.stem_channels,),
    }
    stages = {
        f'stage{branches}': {
            'num_modules': modules,
            'num_branches': branches,
            'block': 'BASIC',
            'num_blocks': (arch.blocks,) * branches,
            'num_channels': arch.widths[:branches],
        }
        for branches, modules in zip((2, 3, 4), arch.modules, strict=True)
    }
    return {'stage1': stem, **stages}


@MODELS.register_module()
class HRNetV2(HRNet):
    """HRNetV2 (Wang et al., arXiv 1908.07919), the state-dict keys of mmseg's ``HRNet``.

    ``forward`` maps images, float (N, in_channels, H, W), to four maps (N, width, ~H/s, ~W/s) at strides s = 4, 8, 16
    and 32.

    Args:
        arch: a key of ``ARCHS``.
        fuse_upsampling: how a coarse branch is enlarged where branches meet. ``official`` is the official code's one
            bilinear resize: right at every input size, and exportable with free height and width. ``mmseg`` enlarges
            by a power of two and resizes again, which differs where height or width is not a multiple of 32; it is for
            weights that were trained with mmseg's ``HRNet`` on such sizes.
        align_corners: enlarge coarse branches with aligned corners, as the official branch HRNet-OCR does; exact where
            height and width are multiples of 32. ``fuse_upsampling`` has no effect then.
        in_channels: bands of an image; None for as many as ``bands`` names, else three.
        bands: their names, in the order in which the network is shown them; None for red, green and blue. Pretrained
            weights of other bands are fitted by name, see :func:`~mmseg_aux_hrnet.weights.fitting.fit_bands`.
        **kwargs: as in mmseg's ``HRNet``, without ``extra``. An ``init_cfg`` of type ``Pretrained`` must fill every
            weight of the backbone, or ``init_weights`` raises.

    Attributes:
        bands: as given; None if there are not three and they have no names.
        layout: how maps lie in memory; results differ by rounding only. ``given`` leaves it to the images,
            ``channels_last`` puts the channels of a pixel side by side, ``auto`` does so where convolutions are known
            to run faster on it: on a CPU, and in half precision.

    Raises:
        ConfigError: ``arch`` or ``fuse_upsampling`` is unknown, ``extra`` is given, or ``bands`` are not the names of
            ``in_channels`` bands.
    """

    layout: MemoryLayout = 'auto'

    def __init__(
        self,
        arch: str,
        *,
        fuse_upsampling: FuseUpsampling = 'official',
        align_corners: bool = False,
        in_channels: int | None = None,
        bands: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        if arch not in ARCHS:
            raise ConfigError(f'arch={arch!r} is not an HRNetV2 variant: use one of {", ".join(ARCHS)}')
        if fuse_upsampling not in ('official', 'mmseg'):
            raise ConfigError(f"fuse_upsampling={fuse_upsampling!r} is unknown: use 'official' or 'mmseg'")
        if 'extra' in kwargs:
            raise ConfigError(
                "HRNetV2 takes no 'extra': choose an arch, or use mmseg's HRNet for a geometry of your own"
            )
        named = None if bands is None else make_bands(bands).names
        count = in_channels or len(named or RGB)
        if named is not None and count != len(named):
            raise ConfigError(
                f'in_channels={count} with {counted(len(named), "band")} ({", ".join(named)}): give bands alone'
            )
        super().__init__(extra=stage_settings(ARCHS[arch]), in_channels=count, **kwargs)
        self.arch = arch
        self.bands = named or (RGB if count == len(RGB) else None)
        if align_corners or fuse_upsampling == 'official':
            self._change_enlarging(align_corners=align_corners)

    def _change_enlarging(self, *, align_corners: bool) -> None:
        """Align the corners of mmseg's enlargement of coarse branches, or take it out."""
        for module in self.modules():
            for name, child in module.named_children():
                if not isinstance(child, Upsample):
                    continue
                # mmseg resizes to the target's size anyway: without its enlargement before, that is the only resize;
                # after one to the right size it changes nothing.
                if align_corners:
                    child.align_corners = True
                else:
                    setattr(module, name, nn.Identity())

    def init_weights(self) -> None:
        """Fill the weights as ``init_cfg`` says.

        Raises:
            CheckpointError: a ``Pretrained`` file is not there or does not fill the backbone.
            ConfigError: there is one, and the bands have no names.
        """
        init_cfg = self.init_cfg
        if not (isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained'):
            super().init_weights()
            return
        # mmengine's own loading only warns of weights that do not fit, and trains on with random ones.
        path = weights_file(init_cfg['checkpoint'])
        if self.bands is None:
            raise ConfigError(
                f'in_channels={self.conv1.in_channels} without names: give backbone.bands, by which the weights of '
                f'{path} are copied, or --pretrained none'
            )
        note = load_backbone_weights(self, path, bands=self.bands)
        self.is_init = True  # or a module around it would fill the weights a second time
        print_log(f'backbone weights: {path}{note and f"; {note}"}', logger='current')

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the four maps of ``x``, float (N, in_channels, H, W), finest first."""
        x = x.to(self.conv1.weight.dtype)  # of a network that was turned into half precision for prediction
        layout, device = self.layout, x.device.type
        if layout == 'auto':
            # Under autocast the images come in single precision and the convolutions run in half.
            half = x.dtype != torch.float32 or (
                torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
            )
            layout = 'channels_last' if device == 'cpu' or half else 'given'
        if layout == 'channels_last':
            x = x.contiguous(memory_format=torch.channels_last)
        return list(super().forward(x))

    def train(self, mode: bool = True) -> 'HRNetV2':
        """Set training mode and return self, as ``torch.nn.Module`` does; mmseg's HRNet returns None."""
        super().train(mode)
        return self
