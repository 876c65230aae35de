import pytest
import torch

from mmseg_aux_hrnet.errors import CheckpointError
from mmseg_aux_hrnet.exchange.forms import arch_of, auxiliary_heads, recognise
from mmseg_aux_hrnet.models import HRNetV2
from mmseg_aux_hrnet.models.backbones.hrnet_v2 import ARCHS
from mmseg_aux_hrnet.weights import Checkpoint

pytestmark = pytest.mark.stack
BACKBONE = ('conv1.weight', 'stage4.0.w')
OFFICIAL = (*BACKBONE, 'last_layer.0.weight')
MMSEG = ('backbone.conv1.weight', 'decode_head.conv_seg.weight')
IMAGENET = (*BACKBONE, 'incre_modules.0.w', 'classifier.weight')


def checkpoint(content):
    """Return a checkpoint as if its file held this."""
    read = Checkpoint('a.pth')
    read.content = content
    return read


def state(names, prefix=''):
    return {prefix + name: torch.ones(1) for name in names}


@pytest.mark.parametrize(
    ('content', 'kind', 'title', 'names', 'left_out'),
    [
        (state(OFFICIAL), 'official', 'official HRNet code', OFFICIAL, ()),
        (state(OFFICIAL, 'model.') | state(['loss.w']), 'official', 'official', OFFICIAL, ('loss.w',)),
        (state(OFFICIAL, 'module.model.') | state(['module.loss.w']), 'official', 'official', OFFICIAL, ('loss.w',)),
        (
            {'state_dict': state(OFFICIAL, 'model.'), 'epoch': 3, 'optimizer': {}, 'best_mIoU': 0.5},
            'official', 'official', OFFICIAL, ('epoch', 'optimizer', 'best_mIoU'),
        ),
        ({'state_dict': state(MMSEG), 'meta': {'CLASSES': ('a',)}, 'hub': {}}, 'mmseg', '0.x', MMSEG, ('hub',)),
        ({'state_dict': state(MMSEG), 'meta': {'mmseg_version': '0.18.0'}}, 'mmseg', '0.x', MMSEG, ()),
        ({'state_dict': state(MMSEG, 'module.'), 'meta': {'dataset_meta': {}}}, 'mmseg', '1.x', MMSEG, ()),
        (state(MMSEG), 'mmseg', 'no meta', MMSEG, ()),
        (state(IMAGENET), 'imagenet', 'ImageNet', BACKBONE, IMAGENET[2:]),
        (state(BACKBONE, 'backbone.') | state(['head.fc.w']), 'imagenet', 'ImageNet', BACKBONE, ('head.fc.w',)),
    ],
)  # fmt: skip
def test_forms_are_recognised(content, kind, title, names, left_out):
    file = recognise(checkpoint(content))
    assert (file.kind, tuple(file.weights), file.left_out) == (kind, names, left_out)
    assert title in file.title


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (
            state(['layer1.0.w', 'fc.weight']),
            r'does not have a known form: it needs the names of one of official '
            r'.*start with layer1',
        ),
        (state((*OFFICIAL, *MMSEG)), 'does not have a known form'),
        (state((*BACKBONE, 'ocr_distri_head.w', 'aux_head.w')), r'HRNet\+OCR'),
        (state(['backbone.conv1.weight']), 'does not have a known form'),
        ({'epoch': 3, 'model': {'w': torch.ones(1)}}, 'holds no weights: .* it holds epoch, model'),
        ({}, 'it holds nothing'),
    ],
)
def test_what_is_none_of_them_is_refused(content, message):
    with pytest.raises(CheckpointError, match=message):
        recognise(checkpoint(content))


def test_what_is_no_tensor_is_named():
    content = {'state_dict': {**state(MMSEG), 'decode_head.note': 'text'}}
    assert recognise(checkpoint(content)).left_out == ('decode_head.note',)


@pytest.mark.parametrize('arch', ARCHS)
def test_the_variant_is_read_off_the_shapes(arch):
    with torch.device('meta'):
        weights = HRNetV2(arch).state_dict()
    assert arch_of(weights) == arch
    assert arch_of({key: value for key, value in weights.items() if not key.startswith('stage3.')}) is None
    assert arch_of({}) is None


@pytest.mark.parametrize(
    ('names', 'count'),
    [
        (['auxiliary_head.0.w', 'auxiliary_head.0.b', 'auxiliary_head.1.w'], 2),
        (['auxiliary_head.conv_seg.w'], 1),
        (['head.w'], 0),
    ],
)
def test_auxiliary_heads_are_counted(names, count):
    assert auxiliary_heads(state(names)) == count
