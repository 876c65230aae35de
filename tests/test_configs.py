"""Every leaf config builds its model, and the model learns from one step."""

import pytest
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from tests_support import tile_description
from tool_support import REPO

from mmseg_aux_hrnet.datasets.description import write_description
from mmseg_aux_hrnet.engine.hooks.data_check_hooks import heads
from mmseg_aux_hrnet.run.config import dataset_meta, set_data_root
from mmseg_aux_hrnet.run.tile_config import fill_for_training
from mmseg_aux_hrnet.run.training_config import set_pretrained

LEAVES = sorted((REPO / 'configs').glob('*/*.py'))
LEAVES = [leaf for leaf in LEAVES if leaf.parent.name != '_base_']


HEADS_OF_BASELINES = {
    **{name: {'decode', 'aux'} for name in ('unet', 'fcn', 'pspnet', 'deeplabv3plus')},
    'ocrnet': {'decode_0', 'decode_1'},
    'segformer': {'decode'},
}


def build(config):
    set_pretrained(config, 'none')  # the real weights are on the network
    torch.manual_seed(0)
    return MODELS.build(config.model)


@pytest.fixture(scope='module')
def read(tmp_path_factory):
    """Read a leaf; those of described tiles are filled for five classes."""
    root = tmp_path_factory.mktemp('tiles')
    write_description(root, tile_description(5))

    def read_leaf(leaf):
        config = Config.fromfile(leaf)
        if leaf.parent.name == 'tiles':
            set_data_root(config, root)
            fill_for_training(config)
        return config

    return read_leaf


@pytest.fixture(scope='module')
def teacher_weights(tmp_path_factory):
    """A file that fits the teacher of every distillation leaf: W48 with two classes."""
    path = tmp_path_factory.mktemp('teacher') / 'hr48.pth'
    torch.save(build(Config.fromfile(REPO / 'configs/hrnet/fcn_hr48_256x512_80k_singlegreen.py')).state_dict(), path)
    return str(path)


def batch(classes, size=(64, 64), bands=3):
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, classes, (2, 1, *size), generator=generator)
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label), metainfo={'img_shape': size}) for label in labels]
    return torch.randn(2, bands, *size, generator=generator), samples


def as_list(part):
    return [] if part is None else list(part) if isinstance(part, (list, tuple)) else [part]


def head_names(leaf):
    if leaf.parent.name == 'baselines':
        return HEADS_OF_BASELINES[leaf.stem.split('_')[0]]
    extra = {'aux': {'aux_0', 'aux_1'}, 'distill': {'distill'}}
    return {'decode'}.union(*(heads for word, heads in extra.items() if word in leaf.stem))


def test_there_are_leaves():
    assert len([leaf for leaf in LEAVES if leaf.parent.name == 'hrnet']) >= 25
    assert len([leaf for leaf in LEAVES if leaf.parent.name == 'baselines']) == 7
    assert len([leaf for leaf in LEAVES if leaf.parent.name == 'tiles']) == 8
    assert [leaf.stem for leaf in LEAVES if leaf.parent.name == 'zoo']


LARGE = ('hr48', 'r50')  # a training step of these takes seconds
MARKED = [pytest.param(leaf, marks=[pytest.mark.slow] * any(w in leaf.stem for w in LARGE)) for leaf in LEAVES]


@pytest.mark.parametrize('leaf', MARKED, ids=lambda leaf: leaf.stem)
def test_leaf_builds_and_runs_forward_and_backward(leaf, read, request):
    config = read(leaf)
    if 'teacher' in config.model:
        config.model.teacher_checkpoint = request.getfixturevalue('teacher_weights')
    model = build(config).train()
    inputs, samples = batch(heads(model)[0][1].num_classes, bands=len(model.data_preprocessor.mean))
    losses = {key: value for key, value in model.loss(inputs, samples).items() if 'loss' in key}
    sum(losses.values()).backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert {key.split('.')[0] for key in losses} == head_names(leaf)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize('leaf', LEAVES, ids=lambda leaf: leaf.stem)
def test_leaf_is_short_and_names_what_exists(leaf, read):
    config = read(leaf)
    classes = dataset_meta(config)['classes']
    assert len(leaf.read_text().splitlines()) <= 40
    every = [*as_list(config.model.decode_head), *as_list(config.model.get('auxiliary_head'))]
    channels = {head.get('out_channels', head.num_classes) for head in every}
    assert {head.num_classes for head in every} == channels == {len(classes)}
    assert config.default_hooks.checkpoint.save_best in {'mDice', 'mIoU', *(f'IoU.{name}' for name in classes)}
    assert config.model.data_preprocessor.size == tuple(config.crop_size)


def test_reference_leaves_have_the_published_recipe():
    config = Config.fromfile(REPO / 'configs/hrnet/fcn_aux-hr48_256x512_80k_singlegreen-reference.py')
    heads = [config.model.decode_head, *config.model.auxiliary_head]
    model = build(config)
    assert [head.loss_decode[0].type for head in heads] == ['ReferenceDiceLoss'] * 3
    assert [head.channels for head in (model.decode_head, *model.auxiliary_head)] == [720, 672, 576]
    assert [h.loss_decode[0].loss_weight for h in model.auxiliary_head] == [0.4, 0.4]
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 1) == 66.6
    assert config.model.data_preprocessor.mean == [62.14484866, 67.69474223, 65.19883835]
    assert (config.train_cfg.max_iters, config.train_dataloader.batch_size) == (80000, 2)


def test_state_dict_keys_are_those_of_the_reference():
    keys = build(Config.fromfile(REPO / 'configs/hrnet/fcn_aux-hr18s-v1_256x256_1500it_singlegreen.py')).state_dict()
    assert len(keys) == 450
    assert {key.rsplit('.', 1)[0] for key in keys if not key.startswith('backbone.')} == {
        f'{head}.{layer}'
        for head in ('decode_head', 'auxiliary_head.0', 'auxiliary_head.1')
        for layer in ('convs.0.conv', 'convs.0.bn', 'conv_seg')
    }


@pytest.mark.parametrize('leaf', [leaf for leaf in LEAVES if 'distill' in leaf.stem], ids=lambda leaf: leaf.stem)
def test_distillation_leaves_are_a_student_leaf_and_a_teacher_leaf(leaf):
    config, (student, teacher) = Config.fromfile(leaf), leaf.stem.split('-distill-')
    plain = Config.fromfile(leaf.with_name(f'{student}.py'))
    small, data = student.removeprefix('fcn_').split('_', 1)
    added = {'teacher', 'distillation'}
    assert config.model.teacher == Config.fromfile(leaf.with_name(f'fcn_{teacher}_{data}.py')).model
    assert {k: v for k, v in config.model.items() if k not in added} == {
        **plain.model,
        'type': 'DistilledEncoderDecoder',
    }
    assert set(config) - set(plain) == {'distillation'}
    assert config.model.backbone.arch == {'hr18s-v1': 'w18_small_v1', 'hr18s-v2': 'w18_small_v2'}[small]


def test_urbanisation_scales_are_those_of_the_official_code():
    config = Config.fromfile(REPO / 'configs/hrnet/fcn_hr18s-v1_1024x1024_20e_urbanisation.py')
    scales = config.train_pipeline[2].scales
    assert (len(scales), scales[0], scales[-1]) == (17, (1024, 1024), (4301, 4301))
    assert config.model.decode_head.loss_decode[0].class_weight == [0.5, 2.0]


@pytest.mark.parametrize(
    'leaf', [leaf for leaf in LEAVES if leaf.parent.name == 'baselines'], ids=lambda leaf: leaf.stem
)
def test_baselines_are_trained_as_the_main_recipe(leaf):
    config = Config.fromfile(leaf)
    main = Config.fromfile(REPO / 'configs/hrnet/fcn_hr18_256x512_80k_singlegreen.py')
    same = ('train_dataloader', 'val_dataloader', 'test_dataloader', 'train_cfg', 'test_evaluator', 'default_hooks')
    assert all(config[key] == main[key] for key in same)
    assert leaf.stem.startswith('segformer') or config.optim_wrapper == main.optim_wrapper
    decoders = as_list(config.model.decode_head)
    losses = [(loss.type, loss.get('loss_weight', 1.0)) for loss in decoders[-1].loss_decode]
    assert losses == [('MaskedCrossEntropyLoss', 1.0), ('MaskedDiceLoss', 1.0)]
    helpers = [*decoders[:-1], *as_list(config.model.get('auxiliary_head'))]
    assert {loss.loss_weight for head in helpers for loss in head.loss_decode} <= {0.4}
    norms = [head.norm_cfg.type for head in (*decoders, *helpers)]
    assert {*norms, config.model.backbone.get('norm_cfg', {}).get('type', 'BN')} <= {'BN', 'LN'}
