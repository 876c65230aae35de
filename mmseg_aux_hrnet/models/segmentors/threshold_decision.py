"""Makes a built segmentor predict one of two classes by a threshold on its probability, instead of by argmax."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.logging import print_log
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from mmseg_aux_hrnet.decision import ARGMAX, Threshold, parse_option, stored_threshold, two_class_probability
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.models.segmentors.probability_tta import ONE_CHANNEL_THRESHOLD, ProbabilityTTAModel
from mmseg_aux_hrnet.weights import unwrapped


@dataclass(frozen=True)
class ThresholdDecision:
    """Rewrites ``pred_sem_seg`` of what a segmentor predicts; a forward hook.

    At 0.5 it gives what argmax gives, except where both classes are equally probable: those pixels are of the class
    with the threshold, while argmax takes the first class.

    Attributes:
        threshold: with the index of its class.
    """

    threshold: Threshold

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """Decide again about the predictions of the segmentor; leave losses and plain tensors alone."""
        if isinstance(output, Sequence):
            for sample in output:
                if isinstance(sample, SegDataSample):
                    sample.set_data({'pred_sem_seg': PixelData(data=self.decide(sample.seg_logits))})

    def decide(self, seg_logits: Any) -> Tensor:
        """Return the class of every pixel, int64 (1, H, W).

        Args:
            seg_logits: as in :func:`~mmseg_aux_hrnet.decision.two_class_probability`.
        """
        probability = two_class_probability(seg_logits, class_index=self.threshold.place)
        return self.threshold.decide(probability).long().unsqueeze(0)


def decide_by_threshold(model: nn.Module, threshold: Threshold, *, classes: Sequence[str]) -> None:
    """Make a built model predict with a threshold from now on, for every caller.

    With test-time augmentation the threshold is on the mean probability. One that was set before no longer counts.

    Args:
        model: an mmseg segmentor with two classes, a ``ProbabilityTTAModel`` around one, or either of them inside what
            trains it in several processes.
        threshold: the threshold.
        classes: names of the model's classes, in the order of its channels.

    Raises:
        ConfigError: the model tells other than two classes, has not this class, or averages in a way of its own.
    """
    segmentor: Any = unwrapped(model)
    outer: Any = model.module if is_model_wrapper(model) else model
    if len(classes) == 2 and segmentor.out_channels > 2:
        raise ConfigError(
            f'a threshold needs two classes, but here are {segmentor.out_channels}: the most probable one is predicted'
        )
    decision = ThresholdDecision(threshold.among(classes))
    if isinstance(outer, ProbabilityTTAModel):
        outer.decision = decision.decide
    elif isinstance(outer, BaseTTAModel):
        raise ConfigError(f'{type(outer).__name__} keeps no mean probabilities: set tta_model.type=ProbabilityTTAModel')
    else:
        outer.register_forward_hook(decision)


def head_threshold(model: nn.Module, *, classes: Sequence[str]) -> Threshold | None:
    """Return the threshold of a head with one channel, which class 1 must exceed; None where the head has more.

    Args:
        model: as in :func:`decide_by_threshold`.
        classes: names of the model's classes.
    """
    segmentor: Any = unwrapped(model)
    if len(classes) != 2 or getattr(segmentor, 'out_channels', None) != 1:
        return None
    held = segmentor.decode_head.threshold
    return Threshold(classes[1], ONE_CHANNEL_THRESHOLD if held is None else float(held))


def use_threshold(
    model: nn.Module,
    option: str | float | None = None,
    *,
    classes: Sequence[str],
    of_interest: str | None = None,
    meta: Mapping[str, Any],
    source: Any,
) -> Threshold | None:
    """Make a built model predict by the threshold that is asked for, else by the one in its checkpoint, and log it.

    Args:
        model: as in :func:`decide_by_threshold`.
        option: a number, for the class of interest; ``argmax`` for no threshold; None for that of the checkpoint.
        classes: names of the model's classes.
        of_interest: one of two classes; needed where the option is a number.
        meta: meta of the checkpoint that filled the model.
        source: the checkpoint, for messages.

    Returns:
        The threshold; None where the model's own decision stays: argmax, or that of a head with one channel.

    Raises:
        ConfigError: the option says none of these; see :func:`decide_by_threshold`.
        CheckpointError: what the checkpoint holds is not a threshold.
    """
    asked = parse_option(option)
    if isinstance(asked, float):
        threshold, origin = Threshold(str(of_interest), asked), 'as asked for'
    else:
        stored = None if asked == ARGMAX else stored_threshold(meta, source=source)
        if stored is None:
            return None
        threshold, origin = stored, f'as stored in {source}; --threshold {ARGMAX} ignores it'
    decide_by_threshold(model, threshold, classes=classes)
    print_log(
        f'predicts {threshold.class_name} where its probability >= {threshold.value} ({origin})', logger='current'
    )
    return threshold
