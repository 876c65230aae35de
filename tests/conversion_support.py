"""Files to convert, and the command that converts them."""

import numpy as np
import torch
from mmseg.apis import init_model
from tool_support import REPO, run_here

CONFIGS = REPO / 'configs/hrnet'
CITY = CONFIGS / 'fcn_hr18s-v1_512x1024_484e_cityscapes.py'
CITY_V2 = CONFIGS / 'fcn_hr18s-v2_512x1024_484e_cityscapes.py'
GREEN = CONFIGS / 'fcn_hr18s-v1_256x256_1500it_singlegreen.py'
AUX = CONFIGS / 'fcn_aux-hr18s-v1_256x256_1500it_singlegreen.py'


def convert(*args):
    return run_here('convert_checkpoint', *args)


def refused(capsys, *args):
    """Run the converter and return the one line by which it refuses."""
    assert convert(*args) == 2
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if line.startswith('error: ')]
    assert len(errors) == 1
    assert 'Traceback' not in '\n'.join(lines)
    return errors[0]


def older(tmp_path, names=('background', 'green'), **more):
    """Write a checkpoint as MMSegmentation 0.x leaves it."""
    torch.manual_seed(0)
    model = init_model(str(AUX), device='cpu')
    palette = np.array([[0, 0, 0], [128, 0, 0]])
    meta = {'CLASSES': list(names), 'PALETTE': palette, 'mmseg_version': '0.18.0', 'config': 'model = 1', 'iter': 80000}
    meta |= more
    content = {'meta': meta, 'state_dict': model.state_dict(), 'optimizer': {'state': {}, 'param_groups': []}}
    torch.save(content, tmp_path / 'older.pth')
    return tmp_path / 'older.pth', model.state_dict()


def changed(official, **changes):
    """Replace weights of an official file, or take those out that are None."""
    content = {**torch.load(official), **{key.replace('__', '.'): value for key, value in changes.items()}}
    torch.save({key: value for key, value in content.items() if value is not None}, official)
