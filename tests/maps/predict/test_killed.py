"""A run that is killed at any moment goes on to the same bytes, and nothing but the open row is done twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from map_support import StubModel
from raster_support import noise, write_raster
from tool_support import REPO

from mmseg_aux_hrnet.maps.predict.raster_map import predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings


@pytest.mark.slow  # processes that are killed and started again
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='the runs that are killed are forked')
def test_killed_runs_go_on_to_the_same_bytes(tmp_path):
    raster = write_raster(tmp_path / 'ortho.tif', noise(3, (40, 50)))
    settings = MapSettings(probabilities='uint8', batch_size=2)
    expected = predict_raster(StubModel(shifted=True), raster, tmp_path / 'whole_classes.tif', settings)
    (tmp_path / 'runs').mkdir()
    script = [sys.executable, Path(__file__).with_name('killed_runs.py'), raster, tmp_path / 'runs']
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, (REPO, REPO / 'tests')))}
    ran = subprocess.run([*map(str, script)], capture_output=True, text=True, env=env)
    assert ran.returncode == 0, ran.stderr
    runs = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(runs) > 15
    for run in runs:
        out = tmp_path / 'runs' / run['name']
        assert out.read_bytes() == expected.read_bytes()
        probabilities = out.with_name(out.name.replace('_classes', '_prob'))
        assert probabilities.read_bytes() == (tmp_path / 'whole_prob.tif').read_bytes()
        # A batch of two may hold a window of the row before, which is predicted again with it.
        assert run['windows'] - run['rows_left'] * run['columns'] in (0, 1)
        assert run['left'] == []
    assert {run['there'] for run in runs} == {False, True}


@pytest.mark.slow  # processes that are killed and started again
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='the runs that are killed are forked')
def test_parts_that_are_killed_or_run_at_the_same_time_give_the_same_bytes(tmp_path):
    rasters = [
        write_raster(tmp_path / f'{name}.tif', noise(3, size)) for name, size in (('a', (40, 50)), ('b', (50, 20)))
    ]
    settings = MapSettings(probabilities='uint8', batch_size=2)
    for raster in rasters:
        predict_raster(StubModel(shifted=True), raster, tmp_path / 'one' / f'{raster.stem}_classes.tif', settings)
    script = [sys.executable, Path(__file__).with_name('killed_parts.py'), tmp_path / 'runs', *rasters]
    folders = REPO, REPO / 'tests', Path(__file__).parent
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, folders))}
    ran = subprocess.run([*map(str, script)], capture_output=True, text=True, env=env)
    assert ran.returncode == 0, ran.stderr
    runs = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(runs) > 20
    for run in runs:
        assert (run['done'], run['left']) == ([0, 0, 0], []), run
        for made in (tmp_path / 'one').glob('*.tif'):
            assert (Path(run['out']) / made.name).read_bytes() == made.read_bytes()
