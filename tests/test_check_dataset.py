"""tools/check_dataset.py as a user runs it: what it prints and writes, and its exit codes."""

import json
from pathlib import Path

import pytest
from doctor_support import image_of, label_of, mask, state, write_root
from PIL import Image
from tool_support import heard, run_here

GREEN = 'mmseg_aux_hrnet::hrnet/fcn_aux-hr18s-v1_256x256_1500it_singlegreen.py'

pytestmark = pytest.mark.stack


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('COLUMNS', '100')
    return write_root(tmp_path / 'data')


def run(*args):
    return run_here('check_dataset', *args)


def test_a_clean_data_set(root, capsys):
    before = state(root)
    assert run('--kind', 'singlegreen', root) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == '8 images: 0 faults, 0 doubts, 0 notes'
    shares = [line.split()[:4] for line in out.splitlines() if line.strip().startswith('train  ')]
    green = 100 * 24 * (21 + 22 + 23 + 24) / (4 * 48 * 64)
    assert shares == [['train', '4', '4', f'{100 - green:.2f}']]
    assert 'train labels: 4 palette; values: 0 = (0, 0, 0) in 4, 1 = (128, 0, 0) in 4' in out
    assert '  data_preprocessor = dict(mean=[' in out and '  class_weight = [' in out
    assert Path('work_dirs/check_dataset/data.png').is_file()
    assert state(root) == before


def test_faults_give_exit_code_1_and_a_copy_without_them_0(root, capsys):
    image_of(root, 'train_0').write_bytes(b'no image')
    assert run(GREEN, '--data-root', root, '--json', 'all.json', '--fix', 'clean', '--picture', 'p.png') == 1
    out = capsys.readouterr().out
    assert 'FAULT train: 1 image not readable: rawdata/train/train_0.png is damaged' in out
    assert f'clean copy: clean, 7 images; 1 left out, see {Path("clean/left_out.txt")}' in out
    assert json.loads(Path('all.json').read_text(encoding='utf-8'))['counts']['fault'] == 1
    assert run(GREEN, '--data-root', 'clean') == 0


@pytest.mark.slow  # two checks of a whole data set
def test_the_line_that_a_finding_gives_cures_it(root, capsys):
    for index in range(4):
        Image.fromarray(mask(index) * 255).save(label_of(root, f'train_{index}'))
    assert run(GREEN, '--data-root', root) == 1
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith('FAULT'))
    cure = line.split('-> --cfg-options ')[1].split()[0]
    assert run(GREEN, '--data-root', root, '--cfg-options', cure) == 0


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['data'], 'is a folder: say its layout, with --kind singlegreen or urbanisation'),
        (['--kind', 'urbanisation', 'data'], 'has no image folder'),
        (['--kind', 'singlegreen', 'nowhere'], 'not a folder'),
        (['nowhere.py'], 'is not a file'),
        ([GREEN, '--data-root', 'nowhere'], 'is not a folder'),
        (['--kind', 'singlegreen', 'data', '--workers', '0'], '--workers 0'),
        (['--kind', 'singlegreen', 'data', '--picture', 'page.pdf'], 'end its name in .png'),
        (['--kind', 'singlegreen', 'data', '--fix', 'data/clean'], 'inside the data root'),
        (['--kind', 'singlegreen', 'data', '--fix', 'data'], 'exists'),
        (['--kind', 'singlegreen', 'data', '--json', 'data/splits/train.txt'], 'would be overwritten'),
    ],
)
def test_what_cannot_run_gives_one_line_and_exit_code_2(root, capsys, args, message):
    before = state(root)
    assert run(*args) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('error: ') and message in line
    assert state(root) == before


def test_real_data_have_no_fault(shared, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run('--kind', 'urbanisation', shared / 'data/urban', '--workers', '2') == 0
    assert capsys.readouterr().out.splitlines()[-1] == '39 images: 0 faults, 0 doubts, 3 notes'


def test_a_wrong_name_is_told_where_the_configs_are(tmp_path):
    for name in ('nothing.py', 'dataset.jsn'):
        said = heard('check_dataset', name).stderr
        assert said.startswith(
            f'error: config {name} is not a file: give one of configs/hrnet/*.py, one of configs/tiles/'
        )
