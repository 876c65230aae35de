import copy
import functools
import os
import pathlib
import platform

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from no_waiting import Reads
from torch import nn

from mmseg_aux_hrnet import stack
from mmseg_aux_hrnet.errors import ConfigError, StackError
from mmseg_aux_hrnet.models import ProbabilityTTAModel, speed
from mmseg_aux_hrnet.models.decode_heads import branchwise_fcn_head
from mmseg_aux_hrnet.run import config as run_config

IMAGES = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope='module')
def trained():
    """Return an aux-HRNet whose batch norms have seen images."""
    config = run_config.load_config(stack.config('hrnet/fcn_aux-hr18s-v1_128x128_demo.py'))
    config.model.pop('data_preprocessor')
    torch.manual_seed(0)
    model = MODELS.build(config.model).train()
    for _ in range(3):
        model(torch.randn(2, 3, 64, 64), mode='tensor')
    return model.eval()


def logits(model):
    with torch.no_grad():
        return model(IMAGES, mode='tensor')


def difference(model, trained):
    """Return the largest difference of logits, as a share of the largest logit."""
    expected = logits(trained)
    return ((logits(model) - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize('level', ['off', 'safe'])
def test_predictions_change_by_rounding_only(trained, level):
    model = copy.deepcopy(trained)
    speed.apply(model, level)
    assert difference(model, trained) < 1e-5


@pytest.mark.parametrize(('capable', 'dtype'), [(True, torch.bfloat16), (False, torch.float32)])
def test_max_predicts_in_bfloat16_where_the_hardware_has_it(monkeypatch, trained, capable, dtype):
    monkeypatch.setattr(speed, 'has_bfloat16', lambda device: capable)
    model = copy.deepcopy(trained)
    speed.apply(model, 'max')
    assert model.backbone(IMAGES)[0].dtype == dtype
    assert logits(model).dtype == torch.float32
    assert difference(model, trained) < (0.1 if capable else 1e-5)


@pytest.fixture
def graphs(monkeypatch):
    """Collect the graphs that torch would compile, and run them as they are: compiling takes minutes."""
    found = []
    compiler = functools.partial(torch.compile, backend=lambda graph, _: found.append(graph) or graph.forward)
    monkeypatch.setattr(torch, 'compile', compiler)
    branchwise_fcn_head._compiled_logits.cache_clear()
    yield found
    branchwise_fcn_head._compiled_logits.cache_clear()
    torch._dynamo.reset()


@pytest.mark.slow  # torch traces a whole network
def test_a_network_compiles_to_one_graph_each_for_backbone_and_decoder(graphs, trained):
    model = copy.deepcopy(trained)
    speed.apply(model, compiled=True)
    assert difference(model, trained) < 1e-5
    assert len(graphs) == 2


def test_without_a_compiler_compiling_is_refused(monkeypatch, trained):
    monkeypatch.setattr('shutil.which', lambda name: None)
    with pytest.raises(StackError, match=r'C\+\+ compiler.*leave out --compile'):
        speed.apply(copy.deepcopy(trained), compiled=True)


def test_auxiliary_decoders_never_run_in_prediction(monkeypatch, trained):
    model = copy.deepcopy(trained)
    for head in model.auxiliary_head:
        monkeypatch.setattr(head, 'forward', lambda inputs: pytest.fail('an auxiliary decoder ran'))
    speed.apply(model)
    with torch.no_grad():
        model(IMAGES, mode='predict')
    with pytest.raises(pytest.fail.Exception, match='an auxiliary decoder ran'):
        model.auxiliary_head[0]([])


@pytest.mark.slow  # torch traces a whole network
def test_a_copy_of_a_compiled_network_has_its_own_weights(graphs, trained):
    model = copy.deepcopy(trained)
    speed.apply(model, training=True, compiled=True)
    mean = copy.deepcopy(model)  # as EMAHook makes it
    nn.init.zeros_(mean.decode_head.conv_seg.weight)
    nn.init.constant_(mean.decode_head.conv_seg.bias, 7.0)
    assert torch.equal(logits(mean), torch.full_like(logits(model), 7.0))


def test_off_is_what_mmseg_computes(trained):
    model = copy.deepcopy(trained)
    speed.apply(model, 'off')
    stock = copy.deepcopy(trained)
    stock.backbone.forward = lambda x: super(type(stock.backbone), stock.backbone).forward(x)
    stock.decode_head.form = 'plain'
    assert torch.equal(logits(model), logits(stock))


def test_prediction_has_no_batch_norm_left(trained):
    model = copy.deepcopy(trained)
    speed.apply(model)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@pytest.mark.parametrize('level', speed.LEVELS)
def test_training_keeps_weights_and_their_names(trained, level):
    model = copy.deepcopy(trained)
    speed.apply(model, level, training=True)
    assert list(model.state_dict()) == list(trained.state_dict())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_the_model_within_a_wrapper_is_meant(trained):
    model = ProbabilityTTAModel(module=copy.deepcopy(trained))
    speed.apply(model, 'off')
    assert model.module.decode_head.form == 'plain'


def test_an_unknown_level_is_refused(trained):
    with pytest.raises(ConfigError, match="'fast' is unknown: use one of off, safe, max"):
        speed.apply(trained, 'fast')


def test_no_training_step_makes_the_host_of_a_gpu_wait(monkeypatch, trained):
    monkeypatch.setattr('mmseg_aux_hrnet.models.losses.pixel_loss.host_waits', lambda values: True)
    model = copy.deepcopy(trained).train()
    speed.apply(model, training=True)
    optim = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, foreach=True))
    labels = torch.randint(0, 2, (2, 1, 64, 96))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]
    with Reads() as reads:
        losses, _ = model.parse_losses(model(IMAGES, samples, mode='loss'))
        optim.update_params(losses)
    assert reads.names == []


def test_what_makes_the_host_of_a_gpu_wait_is_seen():
    values = torch.randn(4)
    with Reads() as reads:
        float(values[0])
        values[values > 0]
        values.nonzero()
        values[torch.tensor([0, 1])]
    assert reads.names == ['_local_scalar_dense', 'index', 'nonzero']


AVX2 = torch.backends.cpu.get_cpu_capability() in ('AVX2', 'AVX512') and os.environ.get('ONEDNN_MAX_CPU_ISA') != 'SSE41'
# The package's own sums are alike in any batch; so are oneDNN's in float32, but not in its code for older CPUs.
ON_AVX2 = pytest.mark.skipif(not AVX2, reason='needs a CPU with AVX2: on others float32 is rounded by the batch')


@pytest.mark.parametrize('dtype', [torch.float64, pytest.param(torch.float32, marks=ON_AVX2)], ids=str)
def test_an_image_gives_the_same_bits_in_any_batch(trained, dtype):
    model = copy.deepcopy(trained).to(dtype)
    speed.apply(model)
    # PyTorch convolves single maps of less than 20,480 values in another way.
    images = torch.randn(2, 3, 416, 448, dtype=dtype)
    with torch.no_grad():
        one_by_one = torch.cat([model(image[None], mode='tensor') for image in images])
        assert torch.equal(model(images, mode='tensor'), one_by_one)


def test_a_module_around_the_segmentor_will_do(trained):
    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.segmentor = copy.deepcopy(trained)

    around = Around()
    speed.apply(around)
    assert difference(around.segmentor, trained) < 1e-5


@pytest.mark.parametrize(('level', 'kept'), [('off', []), ('safe', [True]), ('max', [True])])
def test_a_cpu_keeps_freed_memory_but_for_off(monkeypatch, trained, level, kept):
    calls = []
    monkeypatch.setattr(speed, 'keep_freed_memory', lambda: calls.append(True))
    speed.apply(copy.deepcopy(trained), level)
    assert calls == kept


def test_the_private_switch_of_mmengine_still_lets_copies_run_beside_the_host(monkeypatch):
    """Where it moves, training on a GPU waits for every batch, and nothing says so."""
    preprocessor = MODELS.build(dict(type='SegDataPreProcessor'))
    assert preprocessor._non_blocking is False
    preprocessor._non_blocking = True
    given = []
    monkeypatch.setattr(torch.Tensor, 'to', lambda self, *_, **options: given.append(options) or self)
    preprocessor.cast_data(torch.zeros(1))
    assert given == [{'non_blocking': True}]


@pytest.mark.parametrize(
    ('amx', 'avx', 'vendor', 'expected'),
    [
        (True, True, 'GenuineIntel', True),
        (False, True, 'GenuineIntel', False),  # measured: 0.76 times as fast as float32
        (False, True, 'AuthenticAMD', True),
        (False, False, 'AuthenticAMD', False),
    ],
)
def test_max_takes_bfloat16_only_where_the_processor_gains(monkeypatch, amx, avx, vendor, expected):
    monkeypatch.setattr(torch.cpu, '_is_amx_tile_supported', lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, '_is_avx512_bf16_supported', lambda: avx, raising=False)
    monkeypatch.setattr(speed, '_processor', lambda: f'vendor_id\t: {vendor}')
    assert speed.has_bfloat16(torch.device('cpu')) is expected


def test_the_private_names_of_torch_still_tell_bfloat16_hardware():
    """Where they move, the level max predicts in float32 on a CPU that has bfloat16, and nothing says so."""
    names = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
    assert all(hasattr(torch.cpu, name) for name in names)
    if hasattr(torch.cpu, 'get_capabilities'):  # public, but not in every torch that is supported
        found = torch.cpu.get_capabilities()
        assert [getattr(torch.cpu, name)() for name in names] == [
            found.get(key, False) for key in ('avx512_bf16', 'amx_tile')
        ]


def test_the_processor_names_its_vendor(monkeypatch):
    if os.path.exists('/proc/cpuinfo'):
        assert speed._processor().count('\n') > 1
    monkeypatch.setattr(speed, 'Path', lambda name: pathlib.Path('/missing'))
    assert speed._processor() == platform.processor()
