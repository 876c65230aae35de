"""Exports of networks that see other bands than RGB."""

import io
import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image
from tests_support import write_green_root
from tiny_export import FREE, run_tool, trained, written

from mmseg_aux_hrnet.bands import make_bands
from mmseg_aux_hrnet.exchange.export.deepness import what_to_type
from mmseg_aux_hrnet.exchange.export.metadata import metadata
from mmseg_aux_hrnet.maps.predict.predictor import Predictor

RGBN = ('red', 'green', 'blue', 'nir')
SCALE = [[0, 2500], [0, 2500], [0, 2500], [500, 1500]]


def opened(path):
    """Return a .pt2 file as a function, and what it says of itself."""
    extra = {'metadata.json': ''}
    program = torch.export.load(io.BytesIO(path.read_bytes()), extra_files=extra)
    return program.module(), json.loads(extra['metadata.json'])


@pytest.mark.parametrize(('bands', 'scale'), [(RGBN, SCALE), (('nir', 'red', 'green'), None), (('nir',), None)])
def test_a_file_takes_the_bands_in_their_order_and_names_them(tmp_path, bands, scale):
    described = {'bands': list(bands), 'scale': scale}
    args = written(tmp_path, bands=len(bands), meta={'described': described})
    code, out, _ = run_tool(*args, tmp_path / 'a.pt2')
    assert code == 0
    words = {RGBN: 'red, green, blue, nir (N, 4,', ('nir',): 'nir (N, 1,'}.get(bands, 'nir, red, green (N, 3,')
    assert f'input: image uint8 {words}' in out and ('500:1500' in out) == (scale is not None)
    predict, said = opened(tmp_path / 'a.pt2')
    assert said['bands'] == list(bands) and said['input']['shape'][1] == len(bands) and said.get('scale') == scale
    image = np.random.default_rng(0).integers(0, 256, (40, 64, len(bands)), np.uint8)
    got = predict(torch.from_numpy(np.moveaxis(image, -1, 0).copy())[None])[0][0]
    want = Predictor.from_files(*args, device='cpu')(image)
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_onnx_takes_them_too_and_its_example_runs(tmp_path, monkeypatch):
    onnx = pytest.importorskip('onnx', reason='needs the extra export')
    onnxruntime = pytest.importorskip('onnxruntime', reason='needs the extra export')
    rasterio = pytest.importorskip('rasterio', reason='needs the extra geo')
    args = written(tmp_path, bands=4, meta={'described': {'bands': list(RGBN), 'scale': None}})
    assert run_tool(*args, tmp_path / 'model.onnx', '--black-background')[0] == 0
    session = onnxruntime.InferenceSession(tmp_path / 'model.onnx')
    assert session.get_inputs()[0].shape == ['batch', 4, 'height', 'width']
    said = session.get_modelmeta().custom_metadata_map
    assert json.loads(said['bands']) == list(RGBN)
    assert 'whose red, green, blue and nir are all exactly 0 are background' in json.loads(said['black'])
    image = np.random.default_rng(0).integers(1, 256, (40, 64, 4), np.uint8)
    image[:8], image[8:16, ..., :3] = 0, 0  # black, and what is black in RGB alone
    monkeypatch.chdir(tmp_path)
    with rasterio.open('image.tif', 'w', driver='GTiff', height=40, width=64, count=4, dtype='uint8') as file:
        file.write(np.moveaxis(image, -1, 0))
    example = onnx.load('model.onnx').doc_string.partition('rasterio and Pillow:\n\n')[2]
    assert len(example.splitlines()) == 5
    exec(example, variables := {})
    want = Predictor.from_files(*args, device='cpu')(image)
    assert (variables['probabilities'][0, 0, :8] == 1).all() and (want[0, :8] < 1).all()
    np.testing.assert_allclose(variables['probabilities'][0, :, 8:], want[:, 8:], atol=1e-5)
    assert np.array_equal(np.asarray(Image.open('classes.png')), variables['classes'][0])


def test_the_example_scales_stored_values_as_maps_do(tmp_path, monkeypatch):
    pytest.importorskip('rasterio', reason='needs the extra geo')
    from mmseg_aux_hrnet.raster.values import Scale, to_8bit

    described = {'bands': list(RGBN), 'scale': SCALE}
    args = written(tmp_path, bands=4, meta={'described': described})
    assert run_tool(*args, tmp_path / 'model.pt2')[0] == 0
    stored = np.random.default_rng(0).integers(0, 3000, (4, 40, 64), np.uint16)
    monkeypatch.chdir(tmp_path)
    write_tile(tmp_path / 'image.tif', stored)
    predict, said = opened(tmp_path / 'model.pt2')
    exec(said['description'].partition('Pillow:\n\n')[2], variables := {})
    image = to_8bit(stored, Scale.of(SCALE))
    assert np.array_equal(variables['image'][0], image)
    assert np.array_equal(np.asarray(Image.open('classes.png')), predict(torch.from_numpy(image)[None])[1][0].numpy())


def write_tile(path, values):
    import rasterio

    count, height, width = values.shape
    with rasterio.open(path, 'w', driver='GTiff', height=height, width=width, count=count, dtype=values.dtype) as file:
        file.write(values)


def test_labelled_images_are_read_in_the_bands_of_the_model(tmp_path):
    pytest.importorskip('rasterio', reason='needs the extra geo')
    root = tmp_path / 'data'
    write_green_root(root, {'test': 2})
    for path in sorted((root / 'rawdata/test').iterdir()):
        image = np.moveaxis(np.asarray(Image.open(path)), -1, 0).astype(np.uint16) * 10
        path.unlink()
        write_tile(path.with_suffix('.tif'), np.concatenate([500 + image[1:2] // 2, image]))
    for bands in (RGBN, ('nir', 'red', 'green')):  # four bands are loaded in order, three in reverse
        scale = [SCALE[RGBN.index(name)] for name in bands]
        name = f'of{len(bands)}'
        files = written(tmp_path, name=name, bands=len(bands), meta={'described': {'bands': bands, 'scale': scale}})
        config = Config.fromfile(files[0])
        folders = dict(img_path='rawdata/test', seg_map_path='labeldata/test')
        told = dict(bands=list(bands), scale=scale, stored=['nir', 'red', 'green', 'blue'])
        config.test_dataloader.dataset.update(ann_file='splits/test.txt', data_prefix=folders, **told)
        config.dump(files[0])
        code, printed, complaint = run_tool(*files, tmp_path / f'{name}.pt2', '--data-root', root)
        assert code == 0, complaint
        assert 'IoU of green on 2 labelled images (test.txt' in printed
    config.test_dataloader.dataset.update(bands=['red', 'green', 'nir'])
    config.dump(files[0])
    code, _, complaint = run_tool(*files, tmp_path / 'b.pt2', '--data-root', root)
    assert code == 2 and 'the model was trained on the bands nir, red, green, and the data set' in complaint


@pytest.mark.parametrize(
    ('bands', 'meaning', 'black'),
    [
        (make_bands(('nir',)), 'Nir, as the picture has it: 0 to 255.', 'pixels whose nir is exactly 0 are back'),
        (
            make_bands(('nir', 'red'), SCALE[2:]),
            'Nir, red, in this order, after the rule of their stored values (nir 0:2500, red 500:1500: low becomes 0 '
            'and high 255, linear between, rounded half up, clipped beyond): 0 to 255.',
            'pixels whose nir and red are all exactly 0 are background',
        ),
    ],
)
def test_bands_and_their_rule_are_in_the_words_of_a_file(bands, meaning, black):
    notes = metadata(trained(bands=bands), form=FREE._replace(black=0), fused=True, figures=None, suffix='.onnx')
    assert notes['input']['meaning'].startswith(meaning)
    assert notes['black'].startswith(black)
    assert notes['description'].startswith(f'Semantic segmentation of {bands.words} images by ')


def test_users_of_deepness_are_told_which_band_is_which_and_the_rule():
    lines = what_to_type(trained(bands=make_bands(RGBN, SCALE)))
    assert 'where the raster does not begin with the bands red, green, blue, nir, choose Advanced' in lines[1]
    assert lines[1].endswith('Model input 0 is red, 1 green, 2 blue, 3 nir')
    assert 'gdal_translate -ot Byte -scale_1 0 2500 0 255 ' in lines[2]
    assert lines[2].endswith('-scale_4 500 1500 0 255 IN.tif OUT.tif')
    assert len(what_to_type(trained(bands=make_bands(RGBN)))) == 2
