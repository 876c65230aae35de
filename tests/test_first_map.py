"""docs/first_map.md at toy size: from an orthophoto and polygons to hectares, by the commands that the page gives."""

import csv
import json
import re
import shlex

import pytest
from tool_support import REPO, heard

from mmseg_aux_hrnet.demo import orthophoto

PAGE = (REPO / 'docs/first_map.md').read_text(encoding='utf-8')
TOY = [
    *('param_scheduler.0.end=1', 'param_scheduler.1.begin=1', 'param_scheduler.1.end=2'),
    *('train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'default_hooks.checkpoint.interval=2'),
    *('train_dataloader.batch_size=2', 'train_dataloader.dataset.pipeline.2.crop_size=(64,64)'),
    'model.data_preprocessor.size=(64,64)',
    *(f'{split}_dataloader.num_workers=0' for split in ('train', 'val', 'test')),
]


def commands():
    """Return the commands of the page, each as its words, without the interpreter."""
    blocks = re.findall(r'^```\n(python tools/.*?)^```', PAGE, flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.replace('\\\n', ' ').splitlines() if line]
    return [shlex.split(line)[1:] for line in lines]


@pytest.mark.slow  # trains
def test_the_page_leads_to_hectares(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(orthophoto, 'SIZES', {'survey': (256, 256), 'town': (96, 128)})
    names = []
    for path, *words in commands():
        names.append(path.removeprefix('tools/').removesuffix('.py'))
        words = [str(REPO / word) if word.startswith('configs/') else word for word in words]
        if names[-1] == 'make_tiles':
            words[words.index('--tile') + 1] = '64'
        if names[-1] == 'train':
            words = [*words[: words.index('--cfg-options')], '--cfg-options', *TOY]
        run = heard(names[-1], *words)
        assert run.returncode == 0, (names[-1], run.stdout, run.stderr)
    assert names == [
        *('make_demo_data', 'make_tiles', 'check_dataset', 'train', 'test', 'predict_raster', 'polygonize', 'area')
    ]
    described = json.loads((tmp_path / 'data/green/dataset.json').read_text(encoding='utf-8'))
    assert (described['crs'], described['class_of_interest']) == ('EPSG:25832', 'green')
    assert (tmp_path / 'report/report.html').is_file()
    assert (tmp_path / 'maps/town_green.gpkg').is_file()
    with (tmp_path / 'maps/areas.csv').open(encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    assert {row['name'] for row in rows} >= {'east', 'west'}
    # The districts cover the raster, which lies in a plane at most 0.04 % from the ground.
    covered = sum(float(row['covered_m2']) for row in rows if row['name'] in ('east', 'west'))
    assert covered == pytest.approx(96 * 128 / 4, rel=4e-4)
