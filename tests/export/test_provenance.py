import hashlib
import json

import pytest
from tiny_export import tiny_config

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.export.provenance import best_score, config_sha256, file_sha256, report_metrics

REPORT = {
    'format': 'mmseg_aux_hrnet report 1',
    'run': {'data_list': 'test.txt', 'images': 12, 'checkpoint_sha256': 'abc'},
    'overall': {'oa': 95.5, 'kappa': 0.9},
    'classes': [{'name': 'green', 'iou': 84.0, 'f1': 91.3, 'precision': 90.0, 'recall': 92.6, 'support': 7}],
}


def hub(**notes):
    return {'message_hub': {'runtime_info': notes}}


def test_only_the_best_checkpoint_knows_its_figure():
    content = hub(best_score=84.27271, best_ckpt='/work/best_IoU.green_iter_400.pth')
    assert best_score(content, name='best_IoU.green_iter_400.pth') == {'data': 'validation', 'IoU.green': 84.2727}
    assert best_score(content, name='iter_400.pth') is None
    assert best_score(content, name='best_IoU.green_iter_300.pth') is None
    assert best_score({}, name='best_mIoU_epoch_2.pth') is None
    epochs = hub(best_score=1, best_ckpt='best_mIoU_epoch_2.pth')
    assert best_score(epochs, name='best_mIoU_epoch_2.pth') == {'data': 'validation', 'mIoU': 1.0}


def test_figures_of_a_report_are_taken_for_its_own_checkpoint(tmp_path):
    path = tmp_path / 'metrics.json'
    path.write_text(json.dumps(REPORT), encoding='utf-8')
    figures = {'iou': 84.0, 'f1': 91.3, 'precision': 90.0, 'recall': 92.6}
    assert report_metrics(path, checkpoint_sha256='abc') == {
        'data': 'test.txt', 'images': 12, 'overall': {'oa': 95.5, 'kappa': 0.9}, 'classes': {'green': figures},
    }  # fmt: skip
    with pytest.raises(DataError, match='measured with another checkpoint'):
        report_metrics(path, checkpoint_sha256='abd')


@pytest.mark.parametrize('text', ['', '[]', '{"run": {}}', '{', json.dumps({**REPORT, 'classes': [{}]})])
def test_what_is_no_report_is_refused(tmp_path, text):
    path = tmp_path / 'metrics.json'
    path.write_text(text, encoding='utf-8')
    with pytest.raises(DataError, match='is no metrics.json of an evaluation report'):
        report_metrics(path, checkpoint_sha256='abc')
    with pytest.raises(DataError, match='FileNotFoundError'):
        report_metrics(tmp_path / 'none.json', checkpoint_sha256='abc')


def test_hashes_follow_the_content(tmp_path):
    (tmp_path / 'a').write_bytes(b'weights')
    assert file_sha256(tmp_path / 'a') == hashlib.sha256(b'weights').hexdigest()
    config, other = tiny_config(), tiny_config(classes=3)
    assert config_sha256(config) == config_sha256(tiny_config()) != config_sha256(other)
