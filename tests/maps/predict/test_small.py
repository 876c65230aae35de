"""Small rasters share batches: full ones, the same bytes, and all that holds for one raster holds still."""

import os
import signal
import threading

import numpy as np
import pytest
from map_support import Heard, StubModel, names
from raster_support import METRE, noise, write_raster

from mmseg_aux_hrnet.errors import ConfigError, ResourceError
from mmseg_aux_hrnet.maps.predict.many import map_paths, predict_rasters
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap, predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings

ONE, FOUR, LARGE = (16, 16), (26, 26), (40, 80)  # of 1, 4 and 32 windows of 16


class Rounding(StubModel):
    """Answers otherwise in each batch, as networks do in the last bit: by how many windows it has, and their order."""

    def predict(self, images):
        own = super().predict(images)
        return own + np.float32(images[..., 0].mean()) * 1e-3 + np.arange(len(own))[:, None, None, None] * 1e-3


def write(folder, *sizes, bands=3):
    """Write a raster of each size, apart from one another, and return their paths."""
    folder.mkdir(exist_ok=True)
    return [
        write_raster(
            folder / f'r{number:02d}.tif',
            noise(bands, size, seed=number),
            transform=METRE @ METRE.translation(1000 * number, 0),
        )
        for number, size in enumerate(sizes)
    ]


def run(rasters, folder, *, model=None, heard=None, kind=RasterMap, **settings):
    return predict_rasters(
        model or StubModel(shifted=True),
        rasters,
        map_paths(rasters, folder),
        settings=MapSettings(**settings),
        listener=Heard() if heard is None else heard,
        kind=kind,
    )


def sizes_of(model):
    return [len(images) for images in model.windows]


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == '.tif'}


def apart(rasters, folder, *, model=None, **settings):
    """Make each map on its own, and return all files."""
    for raster, out in zip(rasters, map_paths(rasters, folder), strict=True):
        predict_raster(model or StubModel(shifted=True), raster, out, MapSettings(**settings))
    return content(folder)


@pytest.mark.parametrize(
    ('sizes', 'batch_size', 'batches'),
    [
        ([ONE] * 20, 8, [8, 8, 4]),
        ([ONE] * 5, 1, [1] * 5),
        ([FOUR] * 5, 8, [8, 8, 4]),
        ([FOUR, ONE, FOUR, LARGE, FOUR, ONE], 10, [10] * 3 + [2] + [9, 5]),
        ([(10, 16), ONE, (10, 16), ONE], 2, [2, 2]),
    ],
)
def test_batches_are_full(tmp_path, sizes, batch_size, batches):
    model, rasters = StubModel(shifted=True), write(tmp_path / 'in', *sizes)
    assert run(rasters, tmp_path / 'out', model=model, batch_size=batch_size) == ({}, [])
    assert sizes_of(model) == batches
    assert content(tmp_path / 'out') == apart(rasters, tmp_path / 'apart', batch_size=batch_size)
