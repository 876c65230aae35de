from argparse import Namespace

import pytest
from torch import distributed as torch_dist
from torch.distributed import HashStore

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.run.command import run_tool

LOST = '[/src/gloo/transport/tcp/pair.cc:547] Connection closed by peer [10.0.0.7]:5001. Check the other one.'


@pytest.fixture
def store():
    """A process group of one, and the memory that it would share with others."""
    shared = HashStore()
    torch_dist.init_process_group('gloo', store=shared, rank=0, world_size=1)
    yield shared
    if torch_dist.is_initialized():
        torch_dist.destroy_process_group()


def raising(error):
    def work(args):
        raise error

    return work


def test_the_closing_line(capsys):
    assert run_tool(lambda args: f'done {args.number}', Namespace(number=7)) == 0
    assert capsys.readouterr().out == 'done 7\n'


def test_the_end_leaves_the_group(store):
    assert run_tool(lambda args: '', Namespace()) == 0
    assert not torch_dist.is_initialized()


def test_the_same_refusal_is_printed_once(store, capsys):
    codes = [run_tool(raising(DataError(text)), Namespace()) for text in ('a.png', 'a.png', 'b.png')]
    assert codes == [2, 2, 2]
    assert capsys.readouterr().err == 'error: a.png\nerror: b.png\n'


def test_a_line_is_written_at_once(store, monkeypatch):
    writes = []
    monkeypatch.setattr('sys.stderr', Namespace(write=writes.append, flush=lambda: None))
    run_tool(raising(DataError('a.png')), Namespace())
    run_tool(raising(DataError('b.png')), Namespace())
    assert writes == ['error: a.png\n', 'error: b.png\n']


def test_before_they_meet_one_process_of_a_machine_speaks(monkeypatch, capsys):
    monkeypatch.setenv('LOCAL_RANK', '1')
    assert run_tool(raising(DataError('a.png')), Namespace()) == 2
    assert capsys.readouterr().err == ''


def test_a_lost_process_is_one_line(store, capsys):
    assert [run_tool(raising(RuntimeError(LOST)), Namespace()) for _ in range(2)] == [2, 2]
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith('error: process 0 of 1 lost another process (Connection closed by peer [10.0.0.7]:5001): ')


def test_a_process_that_said_why_is_not_called_lost(store, capsys):
    assert run_tool(raising(DataError('a.png')), Namespace()) == 2
    assert run_tool(raising(RuntimeError(LOST)), Namespace()) == 2
    assert capsys.readouterr().err == 'error: a.png\n'


def test_other_errors_keep_their_traceback(store):
    with pytest.raises(RuntimeError, match='shape'):
        run_tool(raising(RuntimeError('shape')), Namespace())
