"""No moment at which a run can be killed leaves less than the last whole checkpoint."""

import errno
import os
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub

from mmseg_aux_hrnet.engine.hooks.whole_checkpoint_hook import WholeCheckpointHook, WholeFileBackend
from mmseg_aux_hrnet.errors import CheckpointError, ConfigError
from mmseg_aux_hrnet.files import whole

# Ends itself as kill -9 does, before or after half of the bytes are written, and before and after the rename.
KILLED_WRITER = """
import importlib.util, os, pathlib, signal, sys
file, path, moment = sys.argv[1:]
spec = importlib.util.spec_from_file_location('whole_files', file)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
def end(*args):
    os.kill(os.getpid(), signal.SIGKILL)
def write_half(self, content):
    with self.open('wb', buffering=0) as file:
        file.write(content[: len(content) // 2])
        end()
replace = os.replace
if moment == 'half':
    pathlib.Path.write_bytes = write_half
elif moment == 'replaced':
    os.replace = lambda *args: (replace(*args), end())
else:
    setattr(os, moment, end)
module.write_whole(path, bytes([1]) * 3_000_000)
"""


@pytest.mark.skipif(not hasattr(signal, 'SIGKILL'), reason='needs kill -9')
@pytest.mark.parametrize(
    ('moment', 'value', 'left'),
    [('half', 0, 1_500_000), ('fsync', 0, 3_000_000), ('replace', 0, 3_000_000), ('replaced', 1, None)],
)
def test_a_killed_write_leaves_a_whole_file(tmp_path, moment, value, left):
    path = tmp_path / 'iter_10.pth'
    path.write_bytes(b'\0' * 3_000_000)
    command = [sys.executable, '-c', KILLED_WRITER, whole.__file__, str(path), moment]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    content = path.read_bytes()
    assert (len(content), set(content)) == (3_000_000, {value})
    part = Path(f'{path}.part')
    assert (part.stat().st_size if part.exists() else None) == left


def full_disk(*args):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize('call', ['fsync', 'replace'])
def test_a_full_disk_leaves_the_old_file_and_no_part(tmp_path, monkeypatch, call):
    path = tmp_path / 'a.pth'
    whole.write_whole(path, b'old')
    monkeypatch.setattr(whole.os, call, full_disk)
    with pytest.raises(OSError, match='No space left'):
        whole.write_whole(path, b'new')
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [('a.pth', b'old')]


class Disk:
    """A runner that saves one line a checkpoint, and notes what lies on the disk at that moment."""

    def __init__(self, folder):
        self.work_dir = str(folder)
        self.iter = self.epoch = 0
        self.message_hub = MessageHub(f'hub_{folder}')
        self.train_loop = SimpleNamespace(stop_training=False)
        self.logger = SimpleNamespace(info=print, warning=print, error=print)
        self.seen = []
        self.full = None  # start of the names that cannot be written

    def save_checkpoint(self, out_dir, filename, *args, **kwargs):
        self.seen.append(self.files())
        if self.full is not None and filename.startswith(self.full):
            full_disk()
        WholeFileBackend().put(filename.encode(), os.path.join(out_dir, filename))

    def files(self):
        return sorted(path.name for path in Path(self.work_dir).glob('*.pth'))

    def last(self):
        return Path((Path(self.work_dir) / 'last_checkpoint').read_text()).name


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


def started(disk, **options):
    hook = WholeCheckpointHook(by_epoch=False, interval=1, rule='greater', **options)
    hook.before_train(disk)
    return hook


def save(hook, disk, step):
    disk.iter = step - 1
    hook._save_checkpoint(disk)
    disk.iter = step


def test_the_only_checkpoint_is_deleted_after_the_next_is_whole(disk):
    hook = started(disk, max_keep_ckpts=1)
    for step in (1, 2, 3):
        save(hook, disk, step)
    assert disk.seen == [[], ['iter_1.pth'], ['iter_2.pth']]
    assert (disk.files(), disk.last()) == (['iter_3.pth'], 'iter_3.pth')
    assert disk.message_hub.get_info('keep_ckpt_ids') == [3]


def test_the_best_checkpoint_is_deleted_after_the_next_is_whole(disk):
    hook = started(disk, save_best='mIoU')
    for step, score in ((1, 50.0), (2, 60.0), (3, 55.0)):
        disk.iter = step
        hook._save_best_checkpoint(disk, {'mIoU': score})
    assert disk.seen == [[], ['best_mIoU_iter_1.pth']]
    assert disk.files() == ['best_mIoU_iter_2.pth']
    assert disk.message_hub.get_info('best_score') == 60.0


@pytest.mark.parametrize(('score', 'kept'), [(55.0, 1), (65.0, 3)])
def test_a_resumed_run_that_chooses_its_figure_itself_keeps_the_best_checkpoint(disk, score, kept):
    disk.iter = 1
    started(disk, save_best='auto')._save_best_checkpoint(disk, {'mIoU': 60.0})
    resumed = started(disk, save_best='auto')  # the name of the figure is in no checkpoint
    disk.iter = 3
    resumed._save_best_checkpoint(disk, {'mIoU': score})
    assert disk.files() == [f'best_mIoU_iter_{kept}.pth']
    assert Path(resumed.best_ckpt_path).name == f'best_mIoU_iter_{kept}.pth'


def test_a_full_disk_keeps_what_is_there_and_training_goes_on(disk, capsys):
    hook = started(disk, max_keep_ckpts=1, save_best='mIoU')
    save(hook, disk, 1)
    hook._save_best_checkpoint(disk, {'mIoU': 50.0})
    before = disk.files()
    disk.full = ''
    save(hook, disk, 2)
    hook._save_best_checkpoint(disk, {'mIoU': 60.0})
    assert (disk.files(), disk.last()) == (before, 'iter_1.pth')
    assert 'No space left on device' in capsys.readouterr().out
    assert disk.message_hub.get_info('best_score') == 50.0
    assert (hook.keep_ckpt_ids, hook.best_ckpt_path) == (deque([1], 1), str(Path(disk.work_dir) / before[0]))
    with pytest.raises(CheckpointError, match='the last whole one: .*iter_1.pth'):
        hook.after_train(disk)


def test_a_best_checkpoint_that_found_room_does_not_hide_a_last_one_that_did_not(disk):
    hook = started(disk, save_best='mIoU')
    save(hook, disk, 1)
    disk.full = 'iter_'
    save(hook, disk, 2)
    hook._save_best_checkpoint(disk, {'mIoU': 50.0})
    assert disk.files() == ['best_mIoU_iter_2.pth', 'iter_1.pth']
    with pytest.raises(CheckpointError, match='of iteration 2 could not be written'):
        hook.after_train(disk)


def test_room_again_means_no_error_at_the_end(disk):
    hook = started(disk, max_keep_ckpts=1)
    disk.full = ''
    save(hook, disk, 1)
    disk.full = None
    save(hook, disk, 2)
    hook.after_train(disk)
    assert disk.files() == ['iter_2.pth']


def test_a_full_disk_stops_where_that_is_asked_for(disk):
    hook = started(disk, on_write_error='stop')
    disk.full = ''
    with pytest.raises(CheckpointError, match='iteration 4 could not be written .*No space left.*--resume'):
        hook._save_checkpoint_with_step(disk, 4, {'iter': 4})
    with pytest.raises(ConfigError, match="on_write_error='wait' is unknown"):
        WholeCheckpointHook(on_write_error='wait')


def test_what_a_cut_off_write_left_is_removed_at_the_next_start(disk):
    part = Path(disk.work_dir) / 'iter_5.pth.part'
    part.write_bytes(b'half')
    started(disk)
    assert not part.exists()
