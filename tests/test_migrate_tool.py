"""tools/migrate_config.py, as a user runs it."""

import pytest
from mmengine.config import Config
from tool_support import REPO, run_here

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
