"""Images of any size are predicted alike, whichever way they come: filled up to multiples of 32, and cut back."""

import copy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmseg.apis import MMSegInferencer, inference_model, init_model
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from official_network import OfficialNetwork
from PIL import Image
from tiny_export import FREE, tiny_checkpoint, tiny_config, tiny_model, written
from torch.nn import functional

from mmseg_aux_hrnet import stack
from mmseg_aux_hrnet.demo.dataset import write_demo_data
from mmseg_aux_hrnet.engine.hooks.whole_checkpoint_hook import WholeCheckpointHook
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.official import from_official
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.models import fill_sizes
from mmseg_aux_hrnet.run.rgb_network import ExportGraph
from mmseg_aux_hrnet.run.trained_model import load_trained_model
from mmseg_aux_hrnet.run.training import TrainOptions, train
from mmseg_aux_hrnet.weights import Checkpoint, load_model_weights

pytestmark = pytest.mark.stack
REPO = Path(__file__).resolve().parents[1]
RNG = np.random.default_rng(7)
SIZES = [(33, 65), (177, 233), *(tuple(map(int, RNG.integers(17, 130, 2))) for _ in range(28))]
NAME = 'model.data_preprocessor.test_cfg.size_divisor'


def built(kind='FilledEncoderDecoder', **settings):
    """Return a tiny segmentor in evaluation mode, with weights that count."""
    torch.manual_seed(0)
    model = MODELS.build(ConfigDict({**tiny_model(**settings), 'type': kind})).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return model


def hrnet(**preprocessor):
    """Return the smallest HRNetV2 of the configs, without its auxiliary decoders."""
    settings = Config.fromfile(stack.config('_base_/models/fcn_hr18s-v1.py')).model
    settings.data_preprocessor.update(preprocessor)
    torch.manual_seed(0)
    return MODELS.build(settings).eval()


def noise(size, count=1):
    return torch.randint(0, 256, (count, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(size[0]))


def predicted(model, images, **meta):
    """Return the scores of BGR images by mmseg's way, preprocessor included, (N, classes, H, W)."""
    known = {'ori_shape': images.shape[2:], 'img_shape': images.shape[2:], **meta}
    samples = [SegDataSample(metainfo=dict(known)) for _ in images]
    with torch.no_grad():
        results = model.test_step({'inputs': list(images), 'data_samples': samples})
    return torch.stack([result.seg_logits.data for result in results])


def by_hand(model, images):
    """Return the logits of images that are filled up here, by the mean colour, and cut back."""
    height, width = images.shape[2:]
    values = model.data_preprocessor({'inputs': list(images)})['inputs']
    full = torch.zeros(len(images), 3, -(-height // 32) * 32, -(-width // 32) * 32)
    full[:, :, :height, :width] = values
    with torch.no_grad():
        logits = model.decode_head.forward(model.extract_feat(full))
    return functional.interpolate(logits, full.shape[2:], mode='bilinear')[:, :, :height, :width]


@pytest.mark.parametrize('size', SIZES, ids=str)
def test_odd_sizes_are_those_of_the_filled_image(size):
    model = built()
    torch.testing.assert_close(predicted(model, noise(size)), by_hand(model, noise(size)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('size', [(177, 233), (65, 97)], ids=str)
def test_the_network_of_the_configs_fills_up(size):
    model = hrnet()
    images = noise(size, count=2)
    wanted = by_hand(model, images)
    torch.testing.assert_close(predicted(model, images), wanted, rtol=1e-4, atol=1e-5)
    stretched = predicted(hrnet(test_cfg={'size_divisor': 1}), images)
    assert (stretched - wanted).abs().max() > 100 * (predicted(model, images) - wanted).abs().max()


def test_images_without_samples_are_filled_too():
    model, images = built(), noise((45, 70))
    values = model.data_preprocessor({'inputs': list(images)})['inputs']
    with torch.no_grad():
        (sample,) = model(values, mode='predict')
    torch.testing.assert_close(sample.seg_logits.data, by_hand(model, images)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('direction', ['horizontal', 'vertical'])
def test_a_mirrored_view_is_cut_before_it_is_turned_back(direction):
    model, images = built(), noise((45, 70))
    axis = 3 if direction == 'horizontal' else 2
    got = predicted(model, images.flip(axis), flip=True, flip_direction=direction)
    torch.testing.assert_close(got, by_hand(model, images.flip(axis)).flip(axis), rtol=1e-4, atol=1e-4)


def test_a_resized_view_is_cut_before_it_is_resized_back():
    model, small = built(), noise((45, 70))
    got = predicted(model, small, ori_shape=(90, 140))
    wanted = functional.interpolate(by_hand(model, small), (90, 140), mode='bilinear')
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)


def test_averaging_over_scales_and_flips_fills_every_view():
    model, image = built(), noise((45, 70))
    averaged = MODELS.build({'type': 'ProbabilityTTAModel', 'module': model})
    views = [noise((45, 70)), noise((45, 70)).flip(3)]
    metas = [{'flip': False}, {'flip': True, 'flip_direction': 'horizontal'}]
    samples = [[SegDataSample(metainfo=dict(ori_shape=(45, 70), img_shape=(45, 70), **meta))] for meta in metas]
    with torch.no_grad():
        (merged,) = averaged.test_step({'inputs': [list(view) for view in views], 'data_samples': samples})
    wanted = (by_hand(model, image).softmax(1) + by_hand(model, image.flip(3)).flip(3).softmax(1)) / 2
    torch.testing.assert_close(merged.seg_logits.data, wanted[0], rtol=1e-4, atol=1e-4)


def test_every_window_of_a_sliding_inference_is_filled():
    sliding = {'mode': 'slide', 'crop_size': (47, 47), 'stride': (47, 47)}
    model, images = built(test_cfg=sliding), noise((94, 47))
    wanted = torch.cat([by_hand(model, images[:, :, :47]), by_hand(model, images[:, :, 47:])], dim=2)
    torch.testing.assert_close(predicted(model, images), wanted, rtol=1e-4, atol=1e-4)
    small = noise((30, 41))
    torch.testing.assert_close(predicted(model, small), by_hand(model, small), rtol=1e-4, atol=1e-4)


def test_one_channel_and_half_precision():
    model, images = built(out_channels=1), noise((45, 70))
    torch.testing.assert_close(predicted(model, images), by_hand(model, images).sigmoid(), rtol=1e-4, atol=1e-4)
    half, model = copy.deepcopy(built()).bfloat16(), built()
    values = model.data_preprocessor({'inputs': list(images)})['inputs']
    with torch.no_grad():
        got = half.encode_decode(values.bfloat16(), [{}])
    assert got.shape == (1, 2, 45, 70)
    assert (got.float() - by_hand(model, images)).abs().max() < 0.1 * by_hand(model, images).abs().max()


def test_a_copy_fills_for_itself():
    model = built()
    other = copy.deepcopy(model)
    assert other.encode_decode.__self__ is other
    torch.nn.init.zeros_(other.decode_head.conv_seg.weight)
    torch.nn.init.zeros_(other.decode_head.conv_seg.bias)
    assert predicted(other, noise((45, 70))).abs().max() == 0
    assert predicted(model, noise((45, 70))).abs().max() > 0


@pytest.mark.parametrize('kind', ['EncoderDecoder', 'FilledEncoderDecoder'])
def test_python_interfaces_of_mmseg_agree_with_predictor(tmp_path, kind):
    config = tiny_config()
    config.model.type = kind
    if kind == 'EncoderDecoder':  # as in configs/baselines: what mmseg itself knows
        config.model.data_preprocessor.test_cfg = {'size_divisor': 32}
    config.test_pipeline = [ConfigDict(type='LoadImageFromFile'), ConfigDict(type='PackSegInputs')]
    config.test_dataloader.dataset.pipeline = config.test_pipeline
    config.visualizer = dict(type='SegLocalVisualizer', name='visualizer', vis_backends=[])
    config.dump(tmp_path / 'a.py')
    files = str(tmp_path / 'a.py'), str(tiny_checkpoint(config, tmp_path / 'a.pth'))
    image = noise((45, 70))[0].permute(1, 2, 0).numpy()
    wanted = Predictor.from_files(*files, device='cpu')(image)
    bgr = np.ascontiguousarray(image[..., ::-1])
    result = inference_model(init_model(*files, device='cpu'), bgr)
    np.testing.assert_allclose(result.seg_logits.data.softmax(dim=0), wanted, atol=1e-5)
    inferencer = MMSegInferencer(model=config, weights=files[1], device='cpu')
    answer = inferencer(bgr, return_datasamples=True)
    np.testing.assert_allclose(answer.seg_logits.data.softmax(dim=0), wanted, atol=1e-5)


def test_any_segmentor_of_mmseg_follows_the_rule_in_the_tools(tmp_path):
    files = written(tmp_path)  # an EncoderDecoder that says nothing
    model = load_trained_model(Config.fromfile(files[0]), Checkpoint(files[1], hashed=True), threshold=None).model
    assert model.size_divisor == 32
    torch.testing.assert_close(predicted(model, noise((45, 70))), by_hand(model, noise((45, 70))), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('size', SIZES[:4], ids=str)
def test_a_divisor_of_one_is_mmseg_to_the_bit(size):
    ours = built(preprocessor={'test_cfg': {'size_divisor': 1}})
    theirs = built('EncoderDecoder')
    assert torch.equal(predicted(ours, noise(size)), predicted(theirs, noise(size)))


@pytest.mark.parametrize('size', [(97, 131), (65, 64)], ids=str)
def test_a_divisor_of_one_is_the_official_network_at_odd_sizes(size):
    official, model = OfficialNetwork(classes=2).eval(), hrnet(test_cfg={'size_divisor': 1})
    load_model_weights(model, _Weights(from_official(official.weights())))
    values = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = functional.interpolate(official(values), size, mode='bilinear')
        torch.testing.assert_close(model.encode_decode(values, [{'img_shape': size}]), wanted, rtol=1e-4, atol=1e-4)


class _Weights:
    path, meta = 'official', {}

    def __init__(self, weights):
        self.weights = weights


@pytest.mark.parametrize('divisor', [0, -32, 16.0, '32', True, None])
def test_what_is_no_count_of_pixels_is_refused(divisor):
    with pytest.raises(ConfigError, match=f'^{NAME}={divisor!r}: give a whole number of pixels from 1 up'):
        built(preprocessor={'test_cfg': {'size_divisor': divisor}})


def test_a_built_model_of_another_class_is_filled_once():
    model = built('EncoderDecoder', preprocessor={'test_cfg': {'size_divisor': 16}})
    fill_sizes(model)
    fill_sizes(model)
    assert model.size_divisor == 16
    assert predicted(model, noise((45, 70))).shape == (1, 2, 45, 70)


def test_a_config_that_fills_otherwise_than_the_checkpoint_is_named(tmp_path, caplog):
    model = built()
    path = tmp_path / 'a.pth'
    torch.save({'state_dict': model.state_dict(), 'meta': {'size_divisor': 1}}, path)
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmseg_aux_hrnet.weights.fitting.print_log', lambda text, **_: said.append(text))
        load_model_weights(model, Checkpoint(path))
        model.size_divisor = 1
        load_model_weights(model, Checkpoint(path))
    assert said == [f'{path} says size_divisor=1, this config 32: images of other sizes will get other predictions']


def test_crops_that_are_not_multiples_are_named():
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmseg_aux_hrnet.models.segmentors.preprocessing.print_log', lambda text, **_: said.append(text))
        built(preprocessor={'size': (473, 473)})
        built(preprocessor={'size': (473, 473), 'test_cfg': {'size_divisor': 1}})
        built(preprocessor={'size': (480, 512)})
    assert len(said) == 1
    assert 'training crops, (473, 473), are not multiples of 32' in said[0]


def test_checkpoints_note_the_divisor():
    content = {'meta': {}}
    runner = SimpleNamespace(model=built())
    WholeCheckpointHook(interval=1).before_save_checkpoint(runner, content)
    assert content['meta']['size_divisor'] == 32
    del runner.model.size_divisor  # as a segmentor of mmseg in a tool of mmseg
    content = {'meta': {}}
    WholeCheckpointHook(interval=1).before_save_checkpoint(runner, content)
    assert 'size_divisor' not in content['meta']


@pytest.mark.slow  # trains the demo, for minutes
def test_the_demo_is_as_good_at_odd_sizes(tmp_path):
    data = write_demo_data(tmp_path / 'data', lists_dir=REPO / 'splits/demo', seed=0).root
    leaf = 'mmseg_aux_hrnet::hrnet/fcn_aux-hr18s-v1_128x128_demo.py'
    short = {'train_cfg.max_iters': 200, 'param_scheduler.0.end': 200, 'train_cfg.val_interval': 200}
    options = TrainOptions(data_root=data, work_dir=tmp_path / 'work', cfg_options=short)
    assert_alike(data, leaf, train(leaf, options).checkpoint)


def assert_alike(data, leaf, checkpoint):
    """Compare the IoU of cut scenes with that of whole scenes, cut then: only what is at the new border is lost."""
    predictor = Predictor.from_files(leaf, checkpoint, device='cpu')
    counts = np.zeros((4, 2, 2), int)  # crop, cut before or after, intersection and union
    for path in sorted((data / 'rawdata/test').iterdir()):
        image = np.asarray(Image.open(path).convert('RGB'))
        label = np.asarray(Image.open(data / 'labeldata/test' / path.name)) > 0
        whole = predictor(image)[1] > 0.5
        for crop, (height, width) in enumerate([(177, 233), (191, 255), (190, 250), (161, 225)]):
            known = label[:height, :width]
            for way, found in enumerate((predictor(image[:height, :width])[1] > 0.5, whole[:height, :width])):
                counts[crop, way] += (found & known).sum(), (found | known).sum()
    iou = 100 * counts[..., 0] / counts[..., 1]
    # What is cut is not seen, which costs the demo's own network up to 0.5 points and this shorter one up to 0.7; where
    # sizes are not filled up, it costs up to 22.
    assert np.abs(iou[:, 0] - iou[:, 1]).max() < 2, iou


@pytest.mark.parametrize('size', [(45, 70), (64, 96), (33, 97)], ids=str)
def test_the_graph_of_files_fills_inside(tmp_path, size):
    files = written(tmp_path)
    source = load_trained_model(Config.fromfile(files[0]), Checkpoint(files[1], hashed=True), threshold=None)
    graph = ExportGraph(source.model, decision=None, form=FREE, fuse=True)
    image = noise(size)
    wanted = Predictor.from_files(*files, device='cpu')(image[0].permute(1, 2, 0).numpy())
    np.testing.assert_allclose(graph(image)[0][0], wanted, atol=1e-5)
