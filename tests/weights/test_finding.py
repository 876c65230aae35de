import os
from pathlib import Path

import pytest
import torch

from mmseg_aux_hrnet import weights
from mmseg_aux_hrnet.errors import CheckpointError

pytestmark = pytest.mark.stack


def test_best_checkpoint_of_a_work_dir(tmp_path):
    with pytest.raises(CheckpointError, match='no checkpoint'):
        weights.best_checkpoint(tmp_path)
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_9.pth'))
    assert weights.best_checkpoint(tmp_path).name == 'iter_9.pth'
    (tmp_path / 'best_IoU.green_iter_3.pth').touch()
    assert weights.best_checkpoint(tmp_path).name == 'best_IoU.green_iter_3.pth'
    assert weights.best_checkpoint(tmp_path / 'iter_9.pth').name == 'iter_9.pth'


def test_checkpoint_to_resume(tmp_path):
    assert weights.checkpoint_to_resume(None, tmp_path) is None
    assert weights.checkpoint_to_resume('auto', tmp_path) is None
    assert weights.checkpoint_to_resume('x.pth', tmp_path).name == 'x.pth'
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_9.pth'))
    assert weights.checkpoint_to_resume('auto', tmp_path).name == 'iter_9.pth'


def test_the_newest_best_checkpoint_counts(tmp_path):
    for age, name in ((0, 'best_mIoU_iter_9.pth'), (50, 'best_mIoU_iter_10.pth'), (20, 'best_OA_iter_99.pth')):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    assert weights.best_checkpoint(tmp_path).name == 'best_mIoU_iter_9.pth'


def no_network(*_):
    raise OSError('no network here')


def test_weights_file_offline_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'download_url_to_file', no_network)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    with pytest.raises(CheckpointError) as caught:
        weights.weights_file('open-mmlab://msra/hrnetv2_w18')
    text = str(caught.value)
    assert 'hrnetv2_w18-00eb2006.pth' in text
    assert str(tmp_path / 'hub' / 'checkpoints') in text
    assert '--pretrained none' in text
    assert '\n' not in text


def test_weights_file_takes_paths_and_cached_files(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'download_url_to_file', no_network)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    cached = tmp_path / 'hub' / 'checkpoints' / 'w.pth'
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert weights.weights_file('https://example.org/a/w.pth') == cached
    assert str(weights.weights_file('some/w.pth')) == os.path.join('some', 'w.pth')


def test_one_process_of_a_machine_downloads(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'download_url_to_file', no_network)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setenv('LOCAL_RANK', '1')
    assert weights.weights_file('https://example.org/a/w.pth') == tmp_path / 'hub' / 'checkpoints' / 'w.pth'


def test_unknown_published_name_is_refused():
    with pytest.raises(CheckpointError, match='hrnetv2_w18'):
        weights.weights_file('open-mmlab://msra/hrnetv2_w19')


def test_a_work_dir_that_was_moved_is_resumed_from_its_own_file(tmp_path):
    (tmp_path / 'last_checkpoint').write_text('/before/it/was/moved/iter_5.pth')
    assert weights.checkpoint_to_resume('auto', tmp_path) == Path('/before/it/was/moved/iter_5.pth')
    (tmp_path / 'iter_5.pth').touch()
    assert weights.checkpoint_to_resume('auto', tmp_path) == tmp_path / 'iter_5.pth'
