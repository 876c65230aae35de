"""A segmentor that learns from a larger, frozen one beside it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_aux_hrnet.errors import CheckpointError, ConfigError
from mmseg_aux_hrnet.models.losses.distillation_loss import HeadOutputs
from mmseg_aux_hrnet.models.losses.functional import two_class_logits
from mmseg_aux_hrnet.models.segmentors.preprocessing import FilledEncoderDecoder, swaps_channels
from mmseg_aux_hrnet.weights import Checkpoint, best_checkpoint, load_model_weights


@contextmanager
def classifier_calls(head: Any) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Collect the (features, logits) of every call of a head's classifier, without computing anything twice.

    A hook and not a method of our own heads: the teacher may have any head of mmseg, and all classify by ``conv_seg``.
    """
    calls: list[tuple[Tensor, Tensor]] = []
    handle = head.conv_seg.register_forward_hook(lambda _, inputs, output: calls.append((inputs[0], output)))
    try:
        yield calls
    finally:
        handle.remove()


@MODELS.register_module()
class DistilledEncoderDecoder(FilledEncoderDecoder):
    """The student of a knowledge distillation (Liu et al., arXiv 1903.04197): an ``EncoderDecoder`` with more losses.

    Its checkpoints are those of the plain ``EncoderDecoder``. The teacher is built and loaded when weights are
    initialised, or else at the first training step, and never for testing. It stays outside the module tree, so that
    ``parameters``, ``state_dict`` and ``train`` do not reach it; ``to`` and its relatives do.

    Args:
        teacher: model config of a segmentor whose head classifies by ``conv_seg``; its auxiliary decoders are left out.
        distillation: configs of :class:`~mmseg_aux_hrnet.models.losses.distillation_loss.DistillationLoss`.
        teacher_checkpoint: file or work dir with the teacher's weights; needed for training only.
        **kwargs: the student, as in ``EncoderDecoder``.
    """

    def __init__(
        self,
        *,
        teacher: dict[str, Any],
        distillation: Sequence[dict[str, Any]],
        teacher_checkpoint: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Auxiliary decoders only train; without them a checkpoint with and one without such decoders both fit.
        self.teacher_config = {key: value for key, value in teacher.items() if key != 'auxiliary_head'}
        self.teacher_checkpoint = teacher_checkpoint
        self.distillation = nn.ModuleList(MODELS.build(loss) for loss in distillation)
        self._teachers: list[nn.Module] = []  # a list hides the module from torch; see the class

    def init_weights(self) -> None:
        """Fill the student's weights as its parts say, and load the teacher.

        Raises:
            ConfigError: see :meth:`teacher`.
            CheckpointError: see :meth:`teacher`.
        """
        super().init_weights()
        self.teacher()

    def teacher(self) -> nn.Module:
        """Return the frozen teacher, in evaluation mode, on the device of the student.

        Raises:
            ConfigError: there is no ``teacher_checkpoint``, or the teacher has other classes or sees other colours.
            CheckpointError: the checkpoint is missing or does not fit.
        """
        if self._teachers:
            return self._teachers[0]
        # Not in __init__: a student that is only tested needs no teacher.
        if self.teacher_checkpoint is None:
            raise ConfigError(
                'the student has no teacher: train the teacher first, then give its checkpoint or work dir with '
                '--teacher PATH (teacher_checkpoint of the model)'
            )
        model: nn.Module = MODELS.build(self.teacher_config)
        try:
            path = best_checkpoint(Path(self.teacher_checkpoint))
            load_model_weights(model, Checkpoint(path))
        except CheckpointError as error:
            raise CheckpointError(f'teacher: {error}') from error
        print_log(f'teacher weights: {path}', logger='current')
        self._check(model)
        device = next(self.parameters()).device
        self._teachers.append(model.to(device).requires_grad_(False).eval())
        return self._teachers[0]

    def _check(self, teacher: nn.Module) -> None:
        """Raise where the teacher's answers would mean something else to the student."""
        if teacher.num_classes != self.num_classes:
            raise ConfigError(
                f'the teacher has {teacher.num_classes} classes but the student {self.num_classes}: '
                'train both on the same data set'
            )
        # The teacher is given images that the student's preprocessor has normalised.
        theirs, own = (
            (swaps_channels(one), *(getattr(one, name, torch.empty(0)).flatten().tolist() for name in ('mean', 'std')))
            for one in (teacher.data_preprocessor, self.data_preprocessor)
        )
        if theirs != own:
            raise ConfigError(
                f'(channel conversion, mean, std) of the teacher are {theirs} but those of the student {own}: train '
                'both with the same data_preprocessor'
            )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> 'DistilledEncoderDecoder':
        """Do to the teacher what ``to``, ``cuda``, ``half`` and the like do to the student: they all come here."""
        for teacher in self._teachers:
            teacher._apply(fn, recurse)
        super()._apply(fn, recurse)
        return self

    def loss(self, inputs: Tensor, data_samples: list[Any]) -> dict[str, Tensor]:
        """Return the student's own losses and one ``distill.loss_*`` for each term.

        Args:
            inputs: normalised images, float (N, 3, H, W).
            data_samples: one sample per image, with its labels.
        """
        teacher = self.teacher()
        with classifier_calls(self.decode_head) as student_calls:
            losses: dict[str, Tensor] = super().loss(inputs, data_samples)
        # Not inference_mode: its tensors cannot take part in the student's backward pass.
        with torch.no_grad(), classifier_calls(teacher.decode_head) as teacher_calls:
            teacher(inputs, mode='tensor')
        labels = torch.stack([sample.gt_sem_seg.data for sample in data_samples]).squeeze(1)
        outputs = []
        for calls in (student_calls, teacher_calls):
            features, logits = calls[0]
            # At the size of the labels, which say what pixels do not count.
            logits = resize(
                two_class_logits(logits), size=labels.shape[1:], mode='bilinear', align_corners=self.align_corners
            )
            outputs.append(HeadOutputs(features=features, logits=logits))
        for term in self.distillation:
            losses[f'distill.{term.loss_name}'] = term(*outputs, labels, ignore_index=self.decode_head.ignore_index)
        return losses
