import json
import shutil

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from tiny_export import run_tool, written

from mmseg_aux_hrnet.exchange.export.verify import comparison_images, reference
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.run.trained_model import load_trained_model
from mmseg_aux_hrnet.version import __version__
from mmseg_aux_hrnet.weights import Checkpoint

onnx = pytest.importorskip('onnx', reason='needs the extra export')
ort = pytest.importorskip('onnxruntime', reason='needs the extra export')

IMAGES = comparison_images((2, 75, 110), seed=5)


def session(path):
    return ort.InferenceSession(str(path), providers=['CPUExecutionProvider'])


def notes(path):
    return {key: json.loads(value) for key, value in session(path).get_modelmeta().custom_metadata_map.items()}


def predicted(args, images=IMAGES):
    """Return probabilities and class maps of mmseg's own prediction."""
    config, checkpoint = args
    return reference(
        load_trained_model(Config.fromfile(config), Checkpoint(checkpoint, hashed=True), threshold=None).model, images
    )


def export(args, out, *options):
    code, printed, complaint = run_tool(*args, out, *options)
    assert code == 0, complaint
    return printed


@pytest.fixture(scope='module')
def free(tmp_path_factory):
    """The arguments and the file of an export with all defaults, and what the tool printed."""
    folder = tmp_path_factory.mktemp('free')
    args = written(folder)
    return args, folder / 'tiny.onnx', export(args, folder / 'tiny.onnx')


def test_a_file_takes_rgb_of_any_size_and_gives_both_results(free):
    args, path, _ = free
    probabilities, classes = session(path).run(['probabilities', 'classes'], {'image': IMAGES})
    wanted, wanted_classes = predicted(args)
    assert (probabilities.shape, probabilities.dtype) == ((2, 2, 75, 110), np.float32)
    assert np.abs(probabilities - wanted).max() < 1e-4
    undecided = np.abs(wanted[:, 0] - wanted[:, 1]) < 1e-4
    assert classes.dtype == np.uint8
    assert not ((classes != wanted_classes) & ~undecided).any()
    with pytest.raises(Exception, match='Unexpected input data type'):  # Deepness gives 0..1: rather than a wrong map
        session(path).run(None, {'image': IMAGES.astype(np.float32) / 255})
    small = session(path).run(None, {'image': IMAGES[:1, :, :17, :9]})[1]
    assert small.shape == (1, 17, 9)


def test_axes_have_names(free):
    _, path, _ = free
    opened = session(path)
    assert [(i.name, i.type, i.shape) for i in opened.get_inputs()] == [
        ('image', 'tensor(uint8)', ['batch', 3, 'height', 'width'])
    ]
    assert [(o.name, o.type, o.shape) for o in opened.get_outputs()] == [
        ('probabilities', 'tensor(float)', ['batch', 2, 'height', 'width']),
        ('classes', 'tensor(uint8)', ['batch', 'height', 'width']),
    ]


def test_a_file_says_what_it_is(free):
    _, path, printed = free
    said = notes(path)
    assert said['format'] == 'mmseg_aux_hrnet export 1'
    assert (said['class_names'], said['palette']) == ({'0': 'background', '1': 'green'}, [[0, 0, 0], [128, 0, 0]])
    assert (said['bands'], said['mean'], said['std']) == (['red', 'green', 'blue'], [120, 110, 100], [60, 55, 50])
    assert (said['tile_size'], said['tiles_overlap'], said['gsd']) == (512, 33, None)
    assert (said['config'], said['checkpoint'], len(said['config_sha256'])) == ('tiny.py', 'tiny.pth', 64)
    assert 'ground sampling distance unknown' in printed


def test_viewers_find_what_it_is_and_who_made_it(free):
    _, path, _ = free
    model = onnx.load(path)
    assert (model.producer_name, model.producer_version) == ('mmseg_aux_hrnet', __version__)
    assert 'do not apply them again' in model.doc_string
    said = {value.name: value.doc_string for value in (*model.graph.input, *model.graph.output)}
    assert said.pop('image').startswith('Red, green, blue, in this order, as the picture has them: 0 to 255.')
    assert said == {
        'probabilities': 'Probability 0 to 1 of each pixel, of each class, in this order: 0 background, 1 green.',
        'classes': 'Class of each pixel (0 background, 1 green): the most probable one.',
    }


def test_the_example_in_a_file_runs(free, tmp_path, monkeypatch):
    args, path, _ = free
    monkeypatch.chdir(tmp_path)
    shutil.copy(path, 'model.onnx')
    Image.fromarray(IMAGES[0].transpose(1, 2, 0)).save('image.png')
    example = onnx.load(path).doc_string.partition('Pillow:\n\n')[2]
    assert len(example.splitlines()) == 5
    exec(example, {})
    wanted, classes = predicted(args, IMAGES[:1])
    undecided = np.abs(wanted[0, 0] - wanted[0, 1]) < 1e-4
    assert not ((np.asarray(Image.open('classes.png')) != classes[0]) & ~undecided).any()


@pytest.mark.parametrize('size', [(97, 131), (33, 65), (250, 17)], ids=str)
def test_a_file_gives_what_maps_are_made_of_at_odd_sizes(free, size):
    args, path, _ = free
    image = comparison_images((1, *size), seed=size[0])
    (probabilities,) = session(path).run(['probabilities'], {'image': image})
    wanted = Predictor.from_files(*args, device='cpu')(image[0].transpose(1, 2, 0))
    np.testing.assert_allclose(probabilities[0], wanted, atol=1e-5)


def test_the_tool_prints_how_far_the_file_agrees(free):
    _, path, printed = free
    lines = printed.splitlines()
    assert lines[0].startswith(
        'input: image uint8 RGB (N, 3, H, W); output: probabilities float32 (N, 2, H, W), classes'
    )
    assert lines[1].startswith('largest difference to PyTorch ')
    assert float(lines[1].split()[4].rstrip(',')) <= 1e-4
    assert '1x64x96, 2x97x131, 1x250x333' in lines[1]
    assert lines[-1].startswith(str(path))


def test_only_the_decoder_that_predicts_is_in_the_file(free):
    _, path, _ = free
    graph = onnx.load(path).graph
    # backbone 4x3x3x3 + 4, decoder 4x4 + 4, classifier 2x4 + 2: batch norms are folded, the auxiliary decoder is out
    weights = [i for i in graph.initializer if i.data_type == onnx.TensorProto.FLOAT and len(i.dims) in (1, 4)]
    counts = sorted(int(np.prod(i.dims)) for i in weights if i.name not in ('mean', 'std') and int(np.prod(i.dims)) > 1)
    assert [count for count in counts if count >= 8] == [8, 16, 108]
    assert not [node for node in graph.node if node.op_type == 'BatchNormalization']
    assert sum(node.op_type == 'Conv' for node in graph.node) == 3


def test_an_old_onnxruntime_can_read_it_and_nothing_of_this_machine_is_in_it(free):
    _, path, _ = free
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, [opset.version for opset in model.opset_import]) == (8, [18])
    content = path.read_bytes()
    assert b'site-packages' not in content
    assert str(path.parent).encode() not in content


@pytest.mark.slow  # one more export to ONNX
def test_the_same_export_gives_the_same_bytes(free, tmp_path):
    args, path, _ = free
    export(args, tmp_path / 'again.onnx')
    assert (tmp_path / 'again.onnx').read_bytes() == path.read_bytes()


@pytest.mark.slow  # one more export to ONNX
def test_batch_norms_are_kept_on_request(free, tmp_path):
    args, _, _ = free
    export(args, tmp_path / 'a.onnx', '--no-fuse')
    kinds = [node.op_type for node in onnx.load(tmp_path / 'a.onnx').graph.node]
    assert kinds.count('BatchNormalization') == 2
    assert notes(tmp_path / 'a.onnx')['batch_norm'] == 'kept'


@pytest.mark.slow  # one more export to ONNX
def test_half_precision_halves_the_weights_and_keeps_the_types_outside(free, tmp_path):
    args, path, _ = free
    printed = export(args, tmp_path / 'a.onnx', '--fp16')
    graph = onnx.load(tmp_path / 'a.onnx').graph
    assert {i.data_type for i in graph.initializer if len(i.dims) == 4 and i.dims[0] > 1} == {onnx.TensorProto.FLOAT16}
    assert [o.type for o in session(tmp_path / 'a.onnx').get_outputs()] == ['tensor(float)', 'tensor(uint8)']
    assert 'allowed 2.0e-02' in printed
    full, half = (session(file).run(['probabilities'], {'image': IMAGES})[0] for file in (path, tmp_path / 'a.onnx'))
    assert 0 < np.abs(full - half).max() < 0.02


@pytest.mark.slow  # one more export to ONNX
def test_the_class_map_alone_follows_a_stored_threshold(tmp_path):
    args = written(tmp_path, meta={'threshold': {'class': 'green', 'value': 0.3}})
    printed = export(args, tmp_path / 'a.onnx', '--classes-only')
    (classes,) = session(tmp_path / 'a.onnx').run(None, {'image': IMAGES})
    foreground = predicted(args)[0][:, 1]
    undecided = np.abs(foreground - 0.3) < 1e-4
    assert not ((classes != (foreground >= 0.3)) & ~undecided).any()
    assert (classes != (foreground >= 0.5)).any()
    assert 'threshold: green from a probability of 0.3' in printed
    assert notes(tmp_path / 'a.onnx')['threshold'] == {'class': 'green', 'value': 0.3}


@pytest.mark.slow  # one more export to ONNX
def test_a_one_channel_head_gives_two_probabilities(tmp_path):
    args = written(tmp_path, out_channels=1, threshold=0.4)
    export(args, tmp_path / 'a.onnx')
    probabilities, classes = session(tmp_path / 'a.onnx').run(None, {'image': IMAGES})
    wanted, wanted_classes = predicted(args)
    assert np.abs(probabilities - wanted).max() < 1e-4
    assert (classes != wanted_classes).mean() < 1e-3
    assert notes(tmp_path / 'a.onnx')['seg_thresh'] == pytest.approx(0.4)
