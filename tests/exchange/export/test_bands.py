"""Exports of networks that see other bands than RGB."""

import io
import json

import numpy as np
import pytest
import torch
from tiny_export import run_tool, written

from mmseg_aux_hrnet.maps.predict.predictor import Predictor

RGBN = ('red', 'green', 'blue', 'nir')
SCALE = [[0, 2500], [0, 2500], [0, 2500], [500, 1500]]


@pytest.mark.parametrize(('bands', 'scale'), [(RGBN, SCALE), (('nir', 'red', 'green'), None), (('nir',), None)])
def test_a_file_takes_the_bands_in_their_order_and_names_them(tmp_path, bands, scale):
    described = {'bands': list(bands), 'scale': scale}
    args = written(tmp_path, bands=len(bands), meta={'described': described})
    code, out, _ = run_tool(*args, tmp_path / 'a.pt2')
    assert code == 0
    words = {RGBN: 'red, green, blue, nir (N, 4,', ('nir',): 'nir (N, 1,'}.get(bands, 'nir, red, green (N, 3,')
    assert f'input: image uint8 {words}' in out and ('500:1500' in out) == (scale is not None)
    extra = {'metadata.json': ''}
    program = torch.export.load(io.BytesIO((tmp_path / 'a.pt2').read_bytes()), extra_files=extra)
    said = json.loads(extra['metadata.json'])
    assert said['bands'] == list(bands) and said['input']['shape'][1] == len(bands) and said.get('scale') == scale
    image = np.random.default_rng(0).integers(0, 256, (40, 64, len(bands)), np.uint8)
    got = program.module()(torch.from_numpy(np.moveaxis(image, -1, 0).copy())[None])[0][0]
    want = Predictor.from_files(*args, device='cpu')(image)
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_onnx_takes_them_too(tmp_path):
    onnxruntime = pytest.importorskip('onnxruntime')
    args = written(tmp_path, bands=4, meta={'described': {'bands': list(RGBN), 'scale': None}})
    assert run_tool(*args, tmp_path / 'a.onnx')[0] == 0
    session = onnxruntime.InferenceSession(tmp_path / 'a.onnx')
    assert session.get_inputs()[0].shape == ['batch', 4, 'height', 'width']
    assert json.loads(session.get_modelmeta().custom_metadata_map['bands']) == list(RGBN)
