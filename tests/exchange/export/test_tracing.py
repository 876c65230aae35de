import numpy as np
import pytest
import torch
from tiny_export import FREE, tiny_checkpoint, tiny_config

from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.errors import ExportError
from mmseg_aux_hrnet.exchange.export.tracing import trace
from mmseg_aux_hrnet.exchange.export.verify import comparison_images, reference
from mmseg_aux_hrnet.run.rgb_network import ExportGraph
from mmseg_aux_hrnet.run.trained_model import load_trained_model
from mmseg_aux_hrnet.weights import Checkpoint

pytestmark = pytest.mark.stack
IMAGES = comparison_images((2, 45, 70), seed=3)


@pytest.fixture
def source(tmp_path):
    def load(request=None, **settings):
        config = tiny_config(**settings)
        return load_trained_model(
            config, Checkpoint(tiny_checkpoint(config, tmp_path / 'a.pth'), hashed=True), threshold=request
        )

    return load


def run(model, *, images=IMAGES, decision=None, form=FREE, fuse=False):
    graph = ExportGraph(model, decision=decision, form=form, fuse=fuse)
    with torch.no_grad():
        return [value.numpy() for value in graph(torch.from_numpy(images))]


@pytest.mark.parametrize(
    'settings',
    [
        {},
        {'classes': 3},
        {'preprocessor': {'bgr_to_rgb': False}},
        {'preprocessor': {'test_cfg': {'size_divisor': 32}, 'pad_val': 7}},
        {'out_channels': 1, 'threshold': 0.4},
        {'align_corners': True},
        {'test_cfg': {'mode': 'slide', 'crop_size': (32, 32), 'stride': (16, 16)}},
    ],
    ids=['plain', 'three classes', 'BGR network', 'padded', 'one channel', 'align corners', 'sliding'],
)
def test_the_graph_predicts_what_mmseg_does(source, settings):
    found = source(**settings)
    probabilities, classes = run(found.model, decision=found.decision)
    wanted, wanted_classes = reference(found.model, IMAGES)
    assert np.abs(probabilities - wanted).max() < 2e-6
    assert np.array_equal(classes, wanted_classes)
    assert set(np.unique(classes)) == set(range(len(found.classes.names)))


def test_the_order_of_bands_and_the_scale_are_those_of_rgb_images(source):
    found = source()
    preprocessor = found.model.data_preprocessor
    red = np.zeros((1, 3, 64, 64), np.uint8)
    red[:, 0] = 200
    normalised = (torch.from_numpy(red).float() - preprocessor.mean[None]) / preprocessor.std[None]
    assert normalised[0, :, 0, 0].tolist() == pytest.approx([80 / 60, -110 / 55, -100 / 50])
    with torch.no_grad():
        wanted = found.model.encode_decode(normalised, [{'img_shape': (64, 64)}]).softmax(dim=1)
    assert np.abs(run(found.model, images=red)[0] - wanted.numpy()).max() < 1e-6


def test_images_of_the_unit_range_give_the_same(source):
    model = source().model
    form = FREE._replace(unit_range=True, outputs=('probabilities',), foreground_only=True)
    (foreground,) = run(model, images=IMAGES.astype(np.float32) / 255, form=form)
    assert np.abs(foreground - run(model)[0][:, 1:]).max() < 1e-5


@pytest.mark.parametrize('class_index', [0, 1])
def test_a_threshold_decides_at_its_own_value(source, class_index):
    model = source().model
    probabilities, most_probable = run(model)
    value = float(np.quantile(probabilities[:, class_index], 0.3))
    _, classes = run(model, decision=Threshold('green', value, class_index))
    reached = probabilities[:, class_index] >= np.float32(value)
    assert np.array_equal(classes == class_index, reached)
    assert not np.array_equal(classes, most_probable)


@pytest.mark.parametrize('settings', [{}, {'classes': 3}, {'out_channels': 1, 'threshold': 0.4}], ids=str)
@pytest.mark.parametrize('black', [0, 1])
def test_black_is_a_class_where_that_is_asked_for(source, settings, black):
    found = source(**settings)
    images = IMAGES.copy()
    images[0, :, 30:35, 3:9] = 0
    images[0, 1, 40, 3:9] = 0  # one of three values is not enough
    plain = run(found.model, images=images, decision=found.decision)
    ruled = run(found.model, images=images, decision=found.decision, form=FREE._replace(black=black))
    mask = (images == 0).all(axis=1)
    sure = np.eye(plain[0].shape[1], dtype=np.float32)[black][None, :, None, None]
    assert np.array_equal(ruled[0], np.where(mask[:, None], sure, plain[0]))
    assert np.array_equal(ruled[1], np.where(mask, black, plain[1]))
    form = FREE._replace(black=black, unit_range=True)
    unit = run(found.model, images=images.astype(np.float32) / 255, decision=found.decision, form=form)
    assert np.abs(unit[0] - ruled[0]).max() < 1e-5
    program = trace(ExportGraph(found.model, decision=found.decision, form=FREE._replace(black=black), fuse=True))
    again = [value.numpy() for value in program.module()(torch.from_numpy(images))]
    assert np.array_equal(again[0][:, black][mask], np.ones(mask.sum(), np.float32))
    assert np.abs(again[0] - ruled[0]).max() < 1e-5


def test_auxiliary_decoders_and_preprocessor_are_left_out(source):
    names = [name for name, _ in ExportGraph(source().model, decision=None, form=FREE, fuse=False).named_parameters()]
    # conv, batch norm of the backbone; conv, batch norm and classifier of the decoder
    assert len(names) == 1 + 2 + 1 + 2 + 2
    assert not [name for name in names if 'auxiliary' in name]


def test_folded_batch_norms_change_rounding_only(source):
    model = source().model
    kept = run(model)[0]
    folded = run(model, fuse=True)[0]
    assert 0 < np.abs(kept - folded).max() < 1e-5
    graph = ExportGraph(model, decision=None, form=FREE, fuse=True)
    assert not [module for module in graph.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert np.array_equal(run(model)[0], kept)  # the model itself stays as it was


def test_half_precision_is_inside_only(source):
    model = source().model
    probabilities, classes = run(model, form=FREE._replace(half=True))
    assert (probabilities.dtype, classes.dtype) == (np.float32, np.uint8)
    assert 0 < np.abs(probabilities - run(model)[0]).max() < 0.02
    assert next(model.parameters()).dtype == torch.float32


def test_a_traced_graph_takes_every_batch_and_size(source):
    graph = ExportGraph(source().model, decision=None, form=FREE, fuse=True)
    program = trace(graph).module()
    for shape in ((1, 3, 33, 47), (3, 3, 64, 64)):
        image = torch.randint(0, 256, shape, dtype=torch.uint8)
        assert torch.equal(program(image)[0], graph(image)[0])


class BakedSize(torch.nn.Module):
    """Takes the size as a number, as a loop over windows does."""

    def forward(self, image):
        return image[:, :, : int(image.shape[2]), : int(image.shape[3])]


def test_a_network_that_fixes_the_size_is_refused(source):
    model = source(preprocessor={'test_cfg': {'size_divisor': 1}}).model
    model.backbone.conv = torch.nn.Sequential(BakedSize(), model.backbone.conv)
    with pytest.raises(ExportError, match='cannot be exported: .*--fixed-size'):
        trace(ExportGraph(model, decision=None, form=FREE, fuse=False))
    form = FREE._replace(fixed_size=(64, 64))
    program = trace(ExportGraph(model, decision=None, form=form, fuse=False)).module()
    assert program(torch.zeros(3, 3, 64, 64, dtype=torch.uint8))[1].shape == (3, 64, 64)
