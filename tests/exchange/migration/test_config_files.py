from pathlib import Path

import mmcv
import numpy as np
import pytest

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.config_files import config_values, read_old_config
from mmseg_aux_hrnet.exchange.migration.report import Report

WHOLE = 'model = dict(type="M")\ndata = dict(train=dict())\noptimizer = dict(type="SGD")\n'


def read(folder, text, name='old.py'):
    path = folder / name
    path.write_text(text, encoding='utf-8')
    report = Report()
    return read_old_config(path, report=report), report


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('model = dict(', r"cannot be read: SyntaxError: '\(' was never closed"),
        ('1 / 0', 'cannot be read: ZeroDivisionError: division by zero'),
        ('raise SystemExit(0)', 'cannot be read: SystemExit: 0'),
        ('_base_ = "nowhere.py"', 'cannot be read: FileNotFoundError: .*nowhere.py'),
        ('from mmcv.runner import HOOKS', 'cannot be read: ModuleNotFoundError'),
        ('', 'has no model, the network'),
        (WHOLE.replace('data =', 'daten ='), 'has no data, the data sets'),
        (WHOLE.replace('data =', 'data = 3 #'), 'has no data, the data sets'),
        (WHOLE.replace('optimizer', 'optimiser'), 'has no optimizer'),
        (WHOLE + 'train_dataloader = optim_wrapper = dict()', 'config of 1.x already: it has train_dataloader, optim_'),
    ],
)
def test_what_is_no_config_of_0x_is_refused_on_one_line(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        read(tmp_path, text)
    assert '\n' not in str(caught.value)
    assert 'old.py' in str(caught.value)


def test_no_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='is not a file'):
        read_old_config(tmp_path, report=Report())


@pytest.mark.parametrize('line', ['from mmcv import Config, ConfigDict', 'from mmcv.utils import ConfigDict', ''])
def test_names_of_mmcv_1_are_there_while_the_config_runs(tmp_path, line):
    text = 'import mmcv\n' + (line or 'ConfigDict = mmcv.ConfigDict') + '\nextra = ConfigDict(a=(1,))\n'
    values, report = read(tmp_path, text + WHOLE)
    assert values['extra'] == {'a': (1,)}
    assert set(values) == {'extra', 'model', 'data', 'optimizer'}
    assert not report.notes
    assert not hasattr(mmcv, 'ConfigDict')
    assert not hasattr(mmcv, 'Config')


def test_bases_and_custom_imports(tmp_path):
    (tmp_path / 'base.py').write_text(WHOLE + 'custom_imports = dict(imports=["nowhere"])\n')
    values, _ = read(tmp_path, '_base_ = ["base.py"]\nmodel = dict(num=2)\n')
    assert values['model'] == {'type': 'M', 'num': 2}
    assert values['custom_imports'] == {'imports': ['nowhere']}


def test_values_that_no_file_can_hold_are_named(tmp_path):
    lines = 'import re\nfrom pathlib import Path\nhere = Path("a/b")\npattern = re.compile("x")\ngpu_ids = range(2)\n'
    values, report = read(tmp_path, lines + WHOLE)
    assert values['here'] == 'a/b'
    assert values['gpu_ids'] == [0, 1]
    assert [note.place for note in report.notes] == ['pattern']
    with pytest.raises(ConfigError, match='in model, Pattern is not a plain value'):
        read(tmp_path, lines + WHOLE + 'model = dict(type=pattern)\n')


def test_yaml_of_the_same_content(tmp_path):
    text = 'model: {type: M}\ndata: {train: {}}\noptimizer: {type: SGD}\n'
    assert read(tmp_path, text, name='old.yaml')[0]['model'] == {'type': 'M'}


def test_plain():
    assert (
        repr(config_values([np.float64(0.5), np.array([[1, 2]]), np.int64(3), np.True_])) == '[0.5, [[1, 2]], 3, True]'
    )
    assert config_values({'a': (1, [None, Path('x')]), 2: {3}}) == {'a': (1, [None, 'x']), '2': [3]}
    with pytest.raises(TypeError, match='complex'):
        config_values([1j])
