"""The scope of the package, met by an interpreter that has not imported it."""

import subprocess
import sys

import pytest
from mmseg import registry as mmseg_registry
from tool_support import REPO

from mmseg_aux_hrnet.registry import REGISTRIES

pytestmark = pytest.mark.stack
FRESH = """
import sys
import warnings

warnings.simplefilter('ignore')
from mmengine.registry import METRICS, MODELS, TRANSFORMS, VISUALIZERS, DefaultScope

assert 'mmseg_aux_hrnet' not in sys.modules
DefaultScope.get_instance('test', scope_name='mmseg')
head = dict(in_channels=8, channels=8, num_classes=2, num_convs=1, norm_cfg=dict(type='BN'))
"""
PREFIXED = """
things = [
    MODELS.build(dict(type='mmseg_aux_hrnet.HRNetV2', arch='w18_small_v1')),
    MODELS.build(dict(type='mmseg_aux_hrnet.FCNHead', **head)),
]
"""
SCOPED = """
scope = dict(_scope_='mmseg_aux_hrnet')
things = [
    VISUALIZERS.build(dict(type='SegLocalVisualizer', name='test', **scope)),
    METRICS.build(dict(type='IoUMetric', **scope)),
    TRANSFORMS.build(dict(type='PackSegInputs', **scope)),
    MODELS.build(dict(type='FCNHead', **head, **scope)),
    MODELS.build(dict(type='HRNetV2', arch='w18_small_v1', **scope)),
]
"""


@pytest.mark.parametrize(
    ('statements', 'classes'),
    [
        (PREFIXED, ['HRNetV2', 'FCNHead']),
        (SCOPED, ['SegLocalVisualizer', 'IoUMetric', 'PackSegInputs', 'FCNHead', 'HRNetV2']),
    ],
)
def test_types_of_the_scope_build_without_custom_imports(statements, classes):
    code = f'{FRESH}{statements}\nprint(*(type(thing).__name__ for thing in things))'
    run = subprocess.run([sys.executable, '-c', code], cwd=REPO, capture_output=True, text=True, encoding='utf-8')
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1].split() == classes
    assert 'Failed to search registry' not in run.stdout + run.stderr


def test_every_kind_of_mmseg_has_a_child():
    assert set(REGISTRIES) == set(mmseg_registry.__all__)
    assert {'MODELS', 'DATASETS', 'TRANSFORMS', 'METRICS', 'HOOKS', 'VISUALIZERS'} <= set(REGISTRIES)
    for name, child in REGISTRIES.items():
        assert child.parent is getattr(mmseg_registry, name)
        known = {'LoadImageFromNDArray', 'LoadImageFromFile'} if name == 'TRANSFORMS' else set()
        assert set(child.module_dict) == known
