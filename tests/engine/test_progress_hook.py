import logging
import sys
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from mmseg_aux_hrnet.engine import ProgressHook
from mmseg_aux_hrnet.engine.hooks import progress_hook


@pytest.fixture
def screen(monkeypatch):
    """Let the hook draw to a terminal that is text."""
    text = StringIO()
    monkeypatch.setattr(sys, 'stdout', text)
    monkeypatch.setattr(
        progress_hook, 'Console', lambda: Console(file=text, force_terminal=True, width=100, legacy_windows=False)
    )
    return text


@pytest.fixture
def runner():
    logger = logging.Logger('run')
    logger.addHandler(logging.StreamHandler(sys.stdout))
    return SimpleNamespace(logger=logger, max_iters=8, iter=3, val_dataloader=range(5), test_dataloader=range(6))


def test_training_goes_on_where_it_was_resumed_and_validation_has_its_own_bar(screen, runner):
    hook = ProgressHook()
    hook.before_train(runner)
    for _ in range(4):
        hook.after_train_iter(runner, 0)
    hook.before_val_epoch(runner)
    hook.after_val_iter(runner, 0)
    hook._bars.refresh()
    assert '7/8' in screen.getvalue()
    assert '1/5' in screen.getvalue()
    hook.after_val_epoch(runner)
    hook.after_train(runner)
    assert hook._bars is None


def test_log_lines_pass_above_the_bar_and_the_terminal_is_given_back(screen, runner):
    handler = runner.logger.handlers[0]
    before = handler.stream
    hook = ProgressHook()
    hook.before_test_epoch(runner)
    assert handler.stream is sys.stdout is not screen, 'rich stands before the terminal'
    runner.logger.info('a line of the log')
    hook.after_test_iter(runner, 0)
    hook.after_test_epoch(runner)
    assert handler.stream is before
    assert 'a line of the log\n' in screen.getvalue()
    text = screen.getvalue()
    assert text.rfind('\x1b[?25h') > text.rfind('\x1b[?25l'), 'the cursor is shown again'


def test_nothing_is_drawn_where_the_output_is_no_terminal(runner, capsys):
    hook = ProgressHook()
    hook.before_train(runner)
    hook.after_train_iter(runner, 0)
    hook.after_train(runner)
    assert capsys.readouterr().out == ''
    assert hook._bars is None


def test_nothing_is_drawn_by_several_processes(screen, runner, monkeypatch):
    monkeypatch.setattr(progress_hook, 'is_distributed', lambda: True)
    hook = ProgressHook()
    hook.before_test_epoch(runner)
    hook.after_test_epoch(runner)
    assert screen.getvalue() == ''
