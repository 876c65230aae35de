"""tools/migrate_config.py, as a user runs it."""

from pathlib import Path

import pytest
import torch
from layout_support import write_pair
from mmengine.config import Config
from tool_support import REPO, run_here

from mmseg_aux_hrnet.exchange.official import built_model, to_official
from mmseg_aux_hrnet.weights import read_checkpoint

pytestmark = pytest.mark.stack
OLD = REPO / 'tests/exchange/migration/configs_0x/segformer_mit-b0_256x512_160k_singlegreen.py'


def run(*args):
    return run_here('migrate_config', *args)


def test_it_writes_the_config_and_lists_what_is_not_as_it_was(tmp_path, capsys):
    assert run(OLD, tmp_path / 'new.py') == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0] == 'Chosen instead:'
    assert [line for line in lines if line.startswith('- resume_from: load_from=')]
    assert lines[lines.index('Not carried over:') + 1].startswith('- model.backbone.pretrain_style')
    assert lines[-1].endswith('builds; train it with: python tools/train.py ' + str(tmp_path / 'new.py'))
    assert printed.err == ''
    assert Config.fromfile(tmp_path / 'new.py').model.type == 'EncoderDecoder'


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (None, 'old.py is not a file: give a config of MMSegmentation 0.x'),
        ('model = dict(', 'old.py cannot be read: SyntaxError'),
        ('data = dict()', 'old.py has no model'),
        ('model = dict()', 'old.py has no data'),
        ('model = train_dataloader = optim_wrapper = dict()', 'is a config of 1.x already'),
        ('model = data = optimizer = dict(type="X")', 'the config does not say how long to train'),
        ('model = data = optimizer = dict(type="X")\ntotal_iters = 3', 'old.py: data has no data set only'),
    ],
)
def test_it_refuses_on_one_line_and_writes_nothing(tmp_path, capsys, text, message):
    if text is not None:
        (tmp_path / 'old.py').write_text(text)
    assert run(tmp_path / 'old.py', tmp_path / 'new.py') == 2
    printed = capsys.readouterr()
    assert printed.err.startswith('error: ')
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1
    assert not (tmp_path / 'new.py').exists()


def test_it_refuses_to_write_over_a_file(tmp_path, capsys):
    (tmp_path / 'new.py').write_text('mine')
    assert run(OLD, tmp_path / 'new.py') == 2
    assert '--overwrite' in capsys.readouterr().err
    assert (tmp_path / 'new.py').read_text() == 'mine'
    assert run(OLD, tmp_path / 'new.py', '--overwrite') == 0


NINETEEN = Config.fromfile(REPO / 'configs/hrnet/fcn_hr18s-v1_512x1024_484e_cityscapes.py').model
OFFICIAL = REPO / 'tests/exchange/migration/official/urbanisation_w18_small_v1.yaml'


def test_a_yaml_becomes_a_config_that_says_what_it_was(tmp_path, capsys):
    assert run(OFFICIAL, tmp_path / 'new.py', 'TRAIN.END_EPOCH', '7', 'OUTPUT_DIR', 'out') == 0
    printed = capsys.readouterr()
    assert '- OUTPUT_DIR: ' in printed.out
    assert printed.err == ''
    text = (tmp_path / 'new.py').read_text()
    assert text.startswith('# Made from urbanisation_w18_small_v1.yaml, a YAML of the official HRNet code')
    config = Config.fromfile(tmp_path / 'new.py')
    assert (config.train_cfg.max_epochs, config.model.backbone.arch) == (7, 'w18_small_v1')


def test_settings_without_a_yaml_are_refused(tmp_path, capsys):
    assert run(OLD, tmp_path / 'new.py', 'TRAIN.LR', '1') == 2
    assert 'TRAIN.LR 1: settings go with a YAML' in capsys.readouterr().err


@pytest.mark.slow  # trains
def test_a_yaml_of_the_second_reference_trains_and_tests(tmp_path, monkeypatch):
    """In the layout of the official code, from an official checkpoint of 19 classes, as its user does."""
    (tmp_path / 'data/list/urbanisation').mkdir(parents=True)
    for split in ('train', 'val'):
        pairs = [f'x/{split}/{index}.png y/{split}/{index}.png' for index in range(4)]
        (tmp_path / f'data/list/urbanisation/{split}.lst').write_text('\n'.join(pairs))
        for pair in pairs:
            image, label = (tmp_path / 'data/urbanisation' / name for name in pair.split())
            write_pair(image, label, [0, 1])
    monkeypatch.chdir(tmp_path)
    official = to_official(built_model(Config(dict(model=NINETEEN)), initialise=False).state_dict())
    torch.save(official, tmp_path / 'official.pth')
    sizes = ['TRAIN.IMAGE_SIZE', '64,64', 'TRAIN.BASE_SIZE', '96', 'TEST.BASE_SIZE', '96', 'TEST.IMAGE_SIZE', '96,96']
    settings = [
        *sizes,
        'TRAIN.BATCH_SIZE_PER_GPU',
        '2',
        'TRAIN.END_EPOCH',
        '2',
        'WORKERS',
        '0',
        'DATASET.ROOT',
        'data/',
    ]
    assert run(OFFICIAL, 'new.py', *settings, 'MODEL.PRETRAINED', 'official.pth') == 0
    assert run_here('train', 'new.py') == 0
    assert run_here('test', 'new.py', 'work_dirs/new', '--scales', '0.5,1.0', '--flip') == 0
    best = next(Path('work_dirs/new').glob('best_mIoU_epoch_*.pth'))
    assert read_checkpoint(best)['meta']['epoch'] in (1, 2)
