"""What this package does on a GPU, compared with a CPU; benchmarks/gpu.sh runs it there, and all others on a CPU."""

import os
import signal

import numpy as np
import pytest
import rasterio
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.model import convert_sync_batchnorm
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.structures import PixelData
from mmseg.registry import MODEL_WRAPPERS, MODELS
from mmseg.structures import SegDataSample
from tiny_run import assert_same_bits, end_of, quick_start, run  # noqa: F401
from tool_support import REPO
from torch import distributed as torch_dist
from torch import nn

from mmseg_aux_hrnet.engine import BFloat16OptimWrapper
from mmseg_aux_hrnet.errors import TrainingInterrupted
from mmseg_aux_hrnet.evaluation import ConfusionMetric, ThresholdMetric
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.maps.predict.raster_map import predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.models import speed
from mmseg_aux_hrnet.models.losses.distillation_loss import HeadOutputs
from mmseg_aux_hrnet.run import launch

DEVICE = os.environ.get('AUX_HRNET_DEVICE', 'cpu')
ON_GPU = DEVICE == 'cuda'
SIZE = (64, 64)


def network(*, level='off', compiled=False):
    """Return a small network with auxiliary decoders in training, the same weights each time."""
    torch.manual_seed(0)
    config = Config.fromfile(REPO / 'configs/_base_/models/fcn_aux-hr18s-v1.py').model
    config.data_preprocessor.size = SIZE
    made = MODELS.build(config).to(DEVICE)
    speed.apply(made, level, training=True, compiled=compiled)
    return made.train()


def batch():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, *SIZE), generator=generator, dtype=torch.uint8)
    facts = dict(img_shape=SIZE, ori_shape=SIZE)
    labels = [PixelData(data=(image[:1] > 127).long()) for image in images]
    return dict(inputs=list(images), data_samples=[SegDataSample(gt_sem_seg=label, metainfo=facts) for label in labels])


def losses(model, kind=OptimWrapper, steps=2):
    """Return the losses of some training steps on the device."""
    wrapper = kind(optimizer=torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9))
    return [float(model.train_step(batch(), wrapper)['loss'].detach()) for _ in range(steps)]


def test_the_device_is_there():
    assert get_device() == DEVICE, 'AUX_HRNET_DEVICE names a device that mmengine does not train on'


def test_training_steps_are_those_of_a_cpu():
    """In float64, where the order of sums is no matter."""
    found = losses(network().double())
    expected = losses(network().to('cpu').double())
    assert found == pytest.approx(expected, rel=1e-6)
    assert found[1] != found[0]


@pytest.mark.parametrize(
    'kind',
    [
        pytest.param(AmpOptimWrapper, marks=pytest.mark.skipif(not ON_GPU, reason='half precision needs a GPU')),
        BFloat16OptimWrapper,
    ],
)
def test_training_in_half_precision_stays_close(kind):
    assert losses(network(level='safe'), kind) == pytest.approx(losses(network()), rel=0.05)


def test_what_is_fast_stays_close():
    assert losses(network(level='safe')) == pytest.approx(losses(network()), rel=0.01)


@pytest.mark.skipif(not ON_GPU, reason='a C++ compiler takes minutes for a whole network')
def test_a_compiled_network_trains_as_an_uncompiled_one():
    assert losses(network(compiled=True), steps=1) == pytest.approx(losses(network(), steps=1), rel=0.01)


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """The environment of the only process that torchrun started."""
    for name, value in dict(RANK='0', WORLD_SIZE='1', LOCAL_RANK='0', MASTER_ADDR='127.0.0.1', MASTER_PORT='0').items():
        monkeypatch.setenv(name, value)
    yield
    if torch_dist.is_initialized():
        torch_dist.destroy_process_group()


def test_batch_norm_over_processes_trains_as_of_one(alone):
    """SyncBN exists on GPUs only; on a CPU the wrapper of the processes turns it back into batch norm."""
    expected = losses(network())
    config = Config()
    launch.join_processes(config, 'pytorch')
    assert torch_dist.get_backend() == ('nccl' if ON_GPU else 'gloo')
    synced = convert_sync_batchnorm(network())
    assert any(isinstance(part, nn.SyncBatchNorm) for part in synced.modules())
    kind = 'MMDistributedDataParallel' if ON_GPU else 'mmseg.CPUDataParallel'
    settings = dict(type=kind, module=synced, **(dict(device_ids=[0], broadcast_buffers=False) if ON_GPU else {}))
    assert losses(MODEL_WRAPPERS.build(settings)) == pytest.approx(expected, rel=0.01)


LOSSES = (
    dict(type='MaskedCrossEntropyLoss'),
    dict(type='MaskedDiceLoss'),
    dict(type='OHEMCrossEntropyLoss'),
    dict(type='ReferenceDiceLoss'),
    dict(type='ChannelwiseDistillationLoss', temperature=4.0),
    dict(type='PairwiseDistillationLoss', node_size=4),
    dict(type='PixelwiseDistillationLoss'),
)


@pytest.mark.parametrize('settings', LOSSES, ids=lambda settings: settings['type'])
def test_losses_are_those_of_a_cpu(settings):
    generator = torch.Generator().manual_seed(0)
    logits, others = torch.randn(2, 2, 2, 16, 16, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 2, (2, 16, 16), generator=generator)
    found = []
    for device in ('cpu', DEVICE):
        given, teacher, target = (values.to(device, copy=True) for values in (logits, others, labels))
        given.requires_grad_()
        loss = MODELS.build(settings)
        if 'Distillation' in settings['type']:
            value = loss(HeadOutputs(given, given), HeadOutputs(teacher, teacher), target, ignore_index=255)
        else:
            value = loss(given, target)
        value.backward()
        assert value.device.type == device
        found.append((value.detach().cpu(), given.grad.cpu()))
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-8)  # those that distil compute in float32


@pytest.mark.parametrize('kind', [ConfusionMetric, ThresholdMetric])
def test_metrics_count_as_on_a_cpu(kind):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 40, 24, generator=generator)
    label = torch.randint(0, 2, (1, 40, 24), generator=generator, dtype=torch.uint8)
    label[:, :3] = 255
    found = []
    for device in ('cpu', DEVICE):
        maps = {'seg_logits': logits, 'pred_sem_seg': logits.argmax(0, keepdim=True), 'gt_sem_seg': label}
        metric = kind()
        metric.dataset_meta = {'classes': ('background', 'green')}
        sample = {name: {'data': values.to(device)} for name, values in maps.items()}
        metric.process({}, [{'img_path': 'a.png', **sample}])
        found.append(metric.evaluate(1))
    assert found[1] == pytest.approx(found[0], nan_ok=True)


def mapped(folder, name, **settings):
    """Return the classes and the probabilities, steps of 1 in 254, of the raster of the documentation."""
    out = folder / f'{name}_classes.tif'
    model = Predictor.from_zoo('green', **settings)
    predict_raster(model, REPO / 'docs/santa_monica.tif', out, MapSettings(probabilities='uint8'))
    with rasterio.open(out) as classes, rasterio.open(folder / f'{name}_prob.tif') as probabilities:
        return classes.read(1), probabilities.read()[-1].astype(int)


@pytest.mark.slow  # three maps by a network
def test_maps_are_those_of_a_cpu(tmp_path):
    classes, probabilities = mapped(tmp_path, 'cpu', device='cpu')
    assert 0.1 < (classes == 1).mean() < 0.9
    for name, settings, share, steps in (
        ('full', {}, 0.001, 5),
        ('half', dict(amp=True), 0.02, 40),
    ):
        found, close = mapped(tmp_path, name, device=DEVICE, **settings)
        assert (found != classes).mean() <= share
        assert np.abs(close - probabilities).max() <= steps


@pytest.mark.parametrize('epochs', [False, True], ids=['iterations', 'epochs'])
def test_a_resumed_run_goes_on(tmp_path, epochs):
    """With the same bits on a CPU; on a GPU, whose sums may differ, with the same schedule and nearly the same end."""
    whole = end_of(run(tmp_path / 'whole', epochs=epochs))
    with pytest.raises(TrainingInterrupted):
        run(tmp_path / 'cut', epochs=epochs, end=(7, signal.SIGTERM.name))
    cut = end_of(run(tmp_path / 'cut', epochs=epochs))
    if not ON_GPU:
        return assert_same_bits(cut, whole)
    assert cut['history']['train/lr'] == whole['history']['train/lr']
    torch.testing.assert_close(cut['state_dict'], whole['state_dict'], rtol=1e-2, atol=1e-3)
