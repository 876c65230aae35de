"""A student beside its teacher, both of them a W18-Small-v1 on tiles of 64 x 96 pixels."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from tests_support import write_green_root
from tool_support import REPO, TILES, heard

from mmseg_aux_hrnet.errors import CheckpointError, ConfigError
from mmseg_aux_hrnet.weights import Checkpoint, load_model_weights, read_checkpoint

LEAF = REPO / 'configs/hrnet/fcn_hr18s-v1_256x512_80k_singlegreen-distill-hr48.py'
TEACHER = REPO / 'configs/hrnet/fcn_hr18s-v1_256x512_80k_singlegreen.py'
PLAIN = Config.fromfile(TEACHER).model
PLAINLY = [
    *TILES,
    'train_dataloader.dataset.pipeline.2.ratio_range=(1.0,1.0)',
    'train_cfg.val_interval=100',
    'default_hooks.logger.interval=4',
    'train_dataloader.batch_size=4',
]
DISTIL = [
    *PLAINLY,
    'model.teacher.backbone.arch=w18_small_v1',
    'model.teacher.decode_head.in_channels=[16,32,64,128]',
    'model.teacher.decode_head.channels=240',
    'train_cfg.max_iters=60',
    'default_hooks.checkpoint.interval=60',
]


def plain(seed, **changes):
    torch.manual_seed(seed)
    return MODELS.build(dict(copy.deepcopy(PLAIN), **changes))


def batch():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 2, (2, 1, 64, 64), generator=generator)
    labels[:, :, :8] = 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=y), metainfo={'img_shape': (64, 64)}) for y in labels]
    return torch.randn(2, 3, 64, 64, generator=generator), samples


def call(tool, *args, options):
    """Run a tool in this process; return its exit code and what it said on stderr."""
    result = heard(tool, *args, '--cfg-options', *options)
    return result.returncode, result.stderr


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    write_green_root(root)
    return root


@pytest.fixture(scope='module')
def teacher_file(root, tmp_path_factory):
    """A teacher after 30 iterations by the tool."""
    work_dir = tmp_path_factory.mktemp('teacher')
    options = [*PLAINLY, 'train_cfg.max_iters=30', 'default_hooks.checkpoint.interval=30']
    assert call('train', TEACHER, '--data-root', root, '--work-dir', work_dir, '--seed', 1, options=options)[0] == 0
    return work_dir / 'iter_30.pth'


def student(teacher_file, seed=2, **changes):
    torch.manual_seed(seed)
    settings = dict(copy.deepcopy(PLAIN), type='DistilledEncoderDecoder', teacher=copy.deepcopy(PLAIN))
    settings['distillation'] = Config.fromfile(LEAF).distillation
    return MODELS.build({**settings, 'teacher_checkpoint': teacher_file and str(teacher_file), **changes})


def distillation_of(losses):
    return sum(value for key, value in losses.items() if key.startswith('distill.'))


def test_the_teacher_stays_as_it_was_while_the_student_learns(teacher_file):
    model = student(teacher_file)
    teacher, first = model.teacher(), copy.deepcopy(model.state_dict())
    before = copy.deepcopy(teacher.state_dict())
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9))
    for _ in range(3):
        optimizer.update_params(model.parse_losses(model.train().loss(*batch()))[0])
    assert not any(module.training for module in teacher.modules())
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())
    assert all(p.grad is None and not p.requires_grad for p in teacher.parameters())
    assert not any(torch.equal(value, first[key]) for key, value in model.state_dict().items())


def test_the_teacher_is_in_no_list_of_the_student(teacher_file):
    model, alone = student(teacher_file), plain(2)
    model.init_weights()
    assert list(model.state_dict()) == list(alone.state_dict())
    assert [n for n, _ in model.named_parameters()] == [n for n, _ in alone.named_parameters()]
    assert not {id(m) for m in model.modules()} & {id(m) for m in model.teacher().modules()}


def test_the_students_own_losses_are_those_of_the_plain_model(teacher_file):
    model, alone = student(teacher_file).train(), plain(3).train()
    alone.load_state_dict(model.state_dict())
    own, expected = model.loss(*batch()), alone.loss(*batch())
    assert {key: own[key].item() for key in expected} == {key: value.item() for key, value in expected.items()}
    assert set(own) - set(expected) == {f'distill.loss_{name}wise' for name in ('pixel', 'pair', 'channel')}
    assert all(torch.equal(v, alone.state_dict()[k]) for k, v in model.state_dict().items())  # statistics, once


def test_a_student_that_equals_its_teacher_has_nothing_to_learn(teacher_file):
    model = student(teacher_file)
    load_model_weights(model, Checkpoint(teacher_file))
    assert distillation_of(model.eval().loss(*batch())).item() == 0
    model.decode_head.conv_seg.weight.data *= 1.1
    assert distillation_of(model.loss(*batch())).item() > 1e-3


def test_the_pixelwise_term_sees_whole_labels_and_leaves_ignored_pixels_out(teacher_file):
    model = student(teacher_file).eval()
    inputs, samples = batch()
    got = model.loss(inputs, samples)['distill.loss_pixelwise'].item()
    scores = [
        torch.nn.functional.interpolate(each(inputs, mode='tensor'), size=(64, 64), mode='bilinear').log_softmax(1)
        for each in (model, model.teacher())
    ]
    divergence = (scores[1].exp() * (scores[1] - scores[0])).sum(1)
    assert got == pytest.approx(model.distillation[0].loss_weight * divergence[:, 8:].mean().item(), rel=1e-5)


def test_the_teacher_moves_with_the_student(teacher_file):
    model = student(teacher_file)
    model.init_weights()
    model.double()
    assert {p.dtype for p in model.teacher().parameters()} == {torch.float64}
    model.to('meta')
    assert {value.device.type for value in model.teacher().state_dict().values()} == {'meta'}


def test_auxiliary_decoders_of_the_teacher_are_left_out(teacher_file, tmp_path):
    auxiliary = Config.fromfile(REPO / 'configs/hrnet/fcn_aux-hr18s-v1_256x256_1500it_singlegreen.py').model
    torch.save(plain(4, auxiliary_head=auxiliary.auxiliary_head).state_dict(), tmp_path / 'aux.pth')
    model = student(tmp_path / 'aux.pth', teacher=auxiliary)
    assert list(model.teacher().state_dict()) == list(model.state_dict())


@pytest.mark.parametrize(
    ('path', 'changes', 'kind', 'message'),
    [
        (None, {}, ConfigError, '--teacher PATH'),
        ('nowhere.pth', {}, CheckpointError, 'teacher: nowhere.pth is not a file'),
        ('given', dict(backbone=dict(type='HRNetV2', arch='w18_small_v2')), CheckpointError, 'teacher: .*missing'),
        ('classes', {}, ConfigError, 'has 3 classes but the student 2'),
        ('given', dict(data_preprocessor=dict(type='SegDataPreProcessor')), ConfigError, 'same data_preprocessor'),
        (
            'given',
            dict(data_preprocessor=dict(PLAIN.data_preprocessor, bgr_to_rgb=False)),
            ConfigError,
            'same data_pre',
        ),
    ],
)
def test_a_wrong_teacher_is_refused_in_one_line(teacher_file, tmp_path, path, changes, kind, message):
    settings = dict(copy.deepcopy(PLAIN), **changes)
    if path == 'classes':
        settings['decode_head'].update(num_classes=3, out_channels=3)
        path = tmp_path / 'classes.pth'
        torch.save(MODELS.build(copy.deepcopy(settings)).state_dict(), path)
    model = student(teacher_file if path == 'given' else path, teacher=settings)
    with pytest.raises(kind, match=message) as caught:
        model.init_weights()
    assert '\n' not in str(caught.value)


@pytest.fixture(scope='module')
def trained(root, teacher_file, tmp_path_factory):
    """A work dir after 60 iterations of distillation by the tool."""
    work_dir = tmp_path_factory.mktemp('work')
    args = ['--data-root', root, '--work-dir', work_dir, '--seed', 0, '--teacher', teacher_file]
    assert call('train', LEAF, *args, options=DISTIL) == (0, '')
    return work_dir


@pytest.mark.slow  # shares the student that trains for 60 iterations
def test_a_short_run_brings_the_student_nearer_to_its_teacher(trained):
    scalars = read_checkpoint(trained / 'iter_60.pth')['message_hub']['log_scalars']
    history = sum(scalars[f'train/distill.loss_{name}wise'].data[0] for name in ('pixel', 'pair', 'channel'))
    assert history.shape == (60,)
    assert history[-10:].mean() < 0.6 * history[:4].mean()


@pytest.mark.slow  # shares the student that trains for 60 iterations
def test_testing_needs_no_teacher(root, trained, tmp_path, monkeypatch):
    def refuse(_):
        raise AssertionError('the teacher is built')

    monkeypatch.setattr('mmseg_aux_hrnet.models.DistilledEncoderDecoder.teacher', refuse)
    args = [LEAF, trained / 'iter_60.pth', '--data-root', root, '--work-dir', tmp_path]
    assert call('test', *args, options=PLAINLY) == (0, '')
    assert list(read_checkpoint(trained / 'iter_60.pth')['state_dict']) == list(plain(0).state_dict())


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        ([LEAF], 'error: the student has no teacher: '),
        ([LEAF, '--teacher', 'nowhere'], 'error: --teacher nowhere does not exist: '),
        ([TEACHER, '--teacher', 'x.pth'], 'error: --teacher x.pth: this config has no teacher; '),
    ],
)
def test_the_training_tool_refuses_in_one_line(root, tmp_path, args, message):
    code, stderr = call('train', *args, '--data-root', root, '--work-dir', tmp_path, options=PLAINLY)
    assert code == 2
    assert [line for line in stderr.splitlines() if message in line] == [stderr.splitlines()[-1]]
    assert 'Traceback' not in stderr
