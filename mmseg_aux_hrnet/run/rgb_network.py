"""The network inside exported files and maps: from bands such as RGB to probabilities and classes, as one module."""

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mmseg_aux_hrnet.bands import RGB
from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.models.losses.functional import two_class_logits
from mmseg_aux_hrnet.models.segmentors.preprocessing import swaps_channels
from mmseg_aux_hrnet.models.speed import fold_batch_norms

INPUT, PROBABILITIES, CLASSES = 'image', 'probabilities', 'classes'


class Form(NamedTuple):
    """What goes into an exported file and what comes out.

    Attributes:
        unit_range: input is float32 in 0..1, else uint8.
        outputs: of ``probabilities`` and ``classes``.
        foreground_only: of two classes, only class 1 is in ``probabilities``.
        half: the network computes in float16.
        fixed_size: (height, width) that the file takes; None for any.
        black: class of pixels with exactly zero in all bands; None leaves them to the network.
    """

    unit_range: bool
    outputs: tuple[str, ...]
    foreground_only: bool
    half: bool
    fixed_size: tuple[int, int] | None
    black: int | None = None


# What maps are predicted by.
PREDICTION = Form(unit_range=False, outputs=(PROBABILITIES,), foreground_only=False, half=False, fixed_size=None)


class ExportGraph(nn.Module):
    """Normalises, predicts and decides; everything that a file needs and nothing that it does not.

    Args:
        model: an ``EncoderDecoder`` without auxiliary decoders, which is copied; it fills up sizes itself.
        decision: how the class map follows; None for the most probable class.
        form: what goes in and out.
        fuse: fold batch norms into the convolutions before them.
    """

    def __init__(self, model: Any, *, decision: Threshold | None, form: Form, fuse: bool) -> None:
        super().__init__()
        preprocessor = model.data_preprocessor
        self.decision = decision
        self.form = form
        # Three bands are loaded in reverse, so a preprocessor that does not swap leaves the network to see BGR.
        self.swap = len(preprocessor.mean) == len(RGB) and not swaps_channels(preprocessor)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer('mean', preprocessor.mean.clone()[None])
        self.register_buffer('std', preprocessor.std.clone()[None])
        self.certain: Tensor  # probabilities, (1, classes, 1, 1), of what is background
        if form.black is not None:
            self.register_buffer('certain', torch.eye(max(2, model.out_channels))[form.black][None, :, None, None])
        segmentor = copy.deepcopy(model)
        segmentor.data_preprocessor = None
        if fuse:
            segmentor = fold_batch_norms(segmentor)
        self.segmentor = segmentor.half() if form.half else segmentor
        self.eval().requires_grad_(False)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of the form.

        Args:
            image: the bands in the order of their names, such as RGB, (N, bands, H, W), uint8 or float32 in 0..1 as the
                form says.

        Returns:
            ``probabilities``, float32 (N, classes, H, W), or (N, 1, H, W) for the foreground only, and ``classes``,
            uint8 (N, H, W).
        """
        values = image.float()
        if self.form.unit_range:
            values = values * 255
        if self.swap:
            values = values.flip(1)
        values = (values - self.mean) / self.std
        if self.form.half:
            values = values.half()
        logits = self.segmentor.encode_decode(values, [{'img_shape': values.shape[2:]}])
        logits = two_class_logits(logits.float())
        probabilities = _probabilities(logits)
        if self.decision is None:
            classes = logits.argmax(dim=1)
        else:
            classes = self.decision.decide(probabilities[:, self.decision.place])
        classes = classes.to(torch.uint8)
        if self.form.black is not None:
            black = (image == 0).all(dim=1)
            probabilities = torch.where(black[:, None], self.certain, probabilities)
            classes = torch.where(black, torch.full_like(classes, self.form.black), classes)
        outputs = {
            PROBABILITIES: probabilities[:, 1:] if self.form.foreground_only else probabilities,
            CLASSES: classes,
        }
        return tuple(outputs[name] for name in self.form.outputs)


def _probabilities(logits: Tensor) -> Tensor:
    """Return the softmax over the classes; of two by sigmoids, for which runtimes do not turn the map round."""
    if logits.shape[1] != 2:
        return logits.softmax(dim=1)
    difference = logits[:, 1:] - logits[:, :1]
    return torch.cat([-difference, difference], dim=1).sigmoid()
