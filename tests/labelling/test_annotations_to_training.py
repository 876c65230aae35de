"""The whole way of somebody who drew on photographs: annotations, a data set, its check, and a network."""

import json

import numpy as np
import pytest
from PIL import Image
from tool_support import CONFIG, SMALL, heard

OPTIONS = [*SMALL, 'train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'default_hooks.checkpoint.interval=2']


def write_photographs(folder, count=8):
    """Write green squares on grey ground as photographs, and COCO with polygons round the squares."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    (folder / 'images').mkdir()
    for number in range(count):
        pixels = rng.integers(90, 130, (80, 100, 3), np.uint8)
        left, top = (int(value) for value in rng.integers(4, 40, 2))
        pixels[top : top + 30, left : left + 30] = rng.integers((20, 120, 20), (60, 180, 60), (30, 30, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f'images/{number}.png')
        ring = [left, top, left + 30, top, left + 30, top + 30, left, top + 30]
        images.append({'id': number, 'file_name': f'{number}.png', 'width': 100, 'height': 80})
        annotations.append({'id': number, 'image_id': number, 'category_id': 1, 'segmentation': [ring], 'iscrowd': 0})
    content = {'images': images, 'annotations': annotations, 'categories': [{'id': 1, 'name': 'park'}]}
    (folder / 'notes.json').write_text(json.dumps(content))


@pytest.mark.slow  # trains
def test_annotations_become_a_data_set_and_a_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_photographs(tmp_path)
    made = heard(
        *('make_tiles', '--annotations', 'notes.json', '--images', 'images', '--classes', 'background,green'),
        *('--class-map', 'park=green', '--ratio', '0.5', '0.25', '0.25', '--tile', '64', '--out', 'data'),
    )
    assert made.returncode == 0, made.stderr
    assert len(list((tmp_path / 'data/rawdata/train').iterdir())) == 4 * 4
    checked = heard('check_dataset', CONFIG, '--data-root', 'data')
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert '0 faults' in checked.stdout.splitlines()[-1]
    trained = heard('train', CONFIG, '--data-root', 'data', '--work-dir', 'run', '--cfg-options', *OPTIONS)
    assert trained.returncode == 0, trained.stderr
    assert (tmp_path / 'run/iter_2.pth').is_file()
