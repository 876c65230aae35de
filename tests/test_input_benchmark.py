"""The benchmark of the input pipeline runs, at toy size, and sees unequal work; how fast is no matter of tests."""

import importlib
import json
import sys

import numpy as np
import pytest
from tool_support import REPO

FOLDER = REPO / 'benchmarks'


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module('input_pipeline')


def test_every_part_is_timed_for_both(benchmark, monkeypatch, tmp_path):
    monkeypatch.setattr(benchmark, 'SETTLED_AFTER', 0)
    monkeypatch.setattr(sys, 'argv', ['input_pipeline', '--toy', '--json', str(tmp_path / 'out.json')])
    benchmark.main()
    results = json.loads((tmp_path / 'out.json').read_text(encoding='utf-8'))['results']
    works = [result['work'] for result in results if result['who'] == 'here']
    assert len(works) == len(set(works)) == 11
    assert works == [result['work'] for result in results if result['who'] == 'mmseg']
    assert all(value > 0 for result in results for value in result['values'])


def test_unequal_crops_and_tiles_are_seen(benchmark, tmp_path):
    files = benchmark.write_tiles(tmp_path, 1, side=32)
    given = benchmark.samples(files, image=0)
    load = benchmark.pipeline([dict(type='LoadTile'), dict(type='LoadLabel')], side=32)
    crop = [dict(type='RandomCrop', crop_size=(8, 8)), dict(type='PackSegInputs')]
    arrays = benchmark.decoded(load, given)
    works = [benchmark.pipeline(steps, side=32) for steps in (crop, [dict(type='RandomFlip', prob=1.0), *crop])]
    benchmark.check_crops(works[0], works[0], arrays)
    with pytest.raises(AssertionError, match='differ'):
        benchmark.check_crops(*works, arrays)
    dark = lambda sample: {**load(sample), 'img': np.zeros((32, 64, 3), np.uint8)}  # noqa: E731
    with pytest.raises(AssertionError, match='img of .* differs'):
        benchmark.check_tiles(load, [load, dark], given)
