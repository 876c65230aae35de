"""Published files, by the command that users type."""

import errno
import hashlib
import json
import math
import os
import re

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmseg.apis import init_model
from official_network import OfficialNetwork, save_official
from report_support import class_row, run_record
from tool_support import REPO, run_here

from mmseg_aux_hrnet.exchange.figures import logged
from mmseg_aux_hrnet.files import whole
from mmseg_aux_hrnet.weights import read_checkpoint

pytestmark = pytest.mark.stack
AUX = REPO / 'configs/hrnet/fcn_aux-hr18s-v1_256x256_1500it_singlegreen.py'
META = {'classes': ('background', 'green'), 'palette': [[0, 0, 0], [128, 0, 0]], 'class_of_interest': 'green'}


def history(*values):
    return HistoryBuffer(np.array(values), np.ones(len(values)))


def log(validated_at, max_epochs=1):
    scalars = {'val/IoU.green': history(50.0, 61.25), 'val/kappa': history(0.4, 0.5), 'val/time': history(1.0)}
    scalars['val/MCC'] = history(0.25, math.nan)
    notes = {'last_validated_at': validated_at, 'max_epochs': max_epochs, 'eta': np.float64(0)}
    return {'runtime_info': notes, 'log_scalars': {**scalars, 'train/loss': history(0.1)}}


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A work dir as a run leaves it: a best checkpoint, and one to go on from."""
    folder = tmp_path_factory.mktemp('work')
    model = init_model(str(AUX), device='cpu')
    meta = {
        'iter': 20, 'epoch': 0, 'seed': 3, 'experiment_name': 'green_20260102_030405',
        'mmengine_version': f'0.10.12{"a0" * 20}',  # mmengine glues a commit to it
        'torch_version': '2.9.1+cpu', 'cfg': Config.fromfile(AUX).pretty_text, 'dataset_meta': META,
    }  # fmt: skip
    content = {'meta': meta, 'state_dict': model.state_dict(), 'message_hub': log(20)}
    torch.save({**content, 'optimizer': torch.optim.AdamW(model.parameters()).state_dict()}, folder / 'iter_20.pth')
    torch.save(content, folder / 'best_IoU.green_iter_20.pth')
    return folder


def publish(*args):
    return run_here('publish_checkpoint', *args)


def refused(capsys, *args):
    assert publish(*args) == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith('error: '))
    return line


def test_the_name_seals_the_file_and_the_weights_are_all_there(trained, tmp_path):
    assert publish(trained, tmp_path) == 0
    (path,) = tmp_path.glob('*.pth')
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f'green-{digest[:8]}.pth'
    assert digest in path.with_suffix('.md').read_text(encoding='utf-8')
    before, after = read_checkpoint(trained / 'best_IoU.green_iter_20.pth'), read_checkpoint(path)
    assert list(after) == ['meta', 'state_dict']
    assert all(torch.equal(after['state_dict'][key], value) for key, value in before['state_dict'].items())
    assert after['state_dict'].keys() == before['state_dict'].keys()
    assert {key: after['meta'][key] for key in before['meta']} == before['meta']


def test_half_precision_is_half_the_size_and_refuses_what_it_cannot_hold(trained, tmp_path, capsys):
    publish(trained, tmp_path / 'single')
    assert publish(trained, tmp_path / 'half', '--fp16') == 0
    (single,), (half,) = ((tmp_path / name).glob('*.pth') for name in ('single', 'half'))
    assert half.stat().st_size < 0.55 * single.stat().st_size
    before, after = (read_checkpoint(path)['state_dict'] for path in (single, half))
    assert all(torch.equal(after[key].to(value.dtype), value.half().to(value.dtype)) for key, value in before.items())
    content = read_checkpoint(trained / 'iter_20.pth')
    content['state_dict']['backbone.conv1.weight'][0] = 70000
    torch.save(content, tmp_path / 'large.pth')
    assert 'backbone.conv1.weight has values beyond float16 (65504): publish it without --fp16' in refused(
        capsys, tmp_path / 'large.pth', tmp_path / 'none', '--fp16'
    )


def test_the_hash_is_the_one_that_torch_checks(trained, tmp_path):
    publish(trained, tmp_path)
    (path,) = tmp_path.glob('*.pth')
    checked = {'check_hash': True, 'progress': False}
    content = torch.hub.load_state_dict_from_url(path.as_uri(), str(tmp_path / 'first'), **checked)
    assert len(content['state_dict']) == 450
    path.write_bytes(path.read_bytes()[:-1] + b'x')
    with pytest.raises(RuntimeError, match='invalid hash'):
        torch.hub.load_state_dict_from_url(path.as_uri(), str(tmp_path / 'second'), **checked)


def test_the_same_checkpoint_gives_the_same_file(trained, tmp_path, capsys):
    publish(trained / 'iter_20.pth', tmp_path / 'a')
    publish(trained / 'iter_20.pth', tmp_path / 'b')
    (first,), (second,) = ((tmp_path / name).glob('*.pth') for name in 'ab')
    assert (first.name, first.read_bytes()) == (second.name, second.read_bytes())
    assert (
        first.stat().st_size < (trained / 'iter_20.pth').stat().st_size
    )  # the optimizer's state is empty, its list not
    assert 'exists: choose another folder, or replace it with --overwrite' in refused(
        capsys, trained / 'iter_20.pth', tmp_path / 'a'
    )
    assert publish(trained / 'iter_20.pth', tmp_path / 'a', '--overwrite') == 0


def test_a_published_file_opens_as_its_card_says(trained, tmp_path, monkeypatch):
    publish(trained, tmp_path)
    (card,) = tmp_path.glob('*.md')
    code = re.search(r'```python\n(.*?)```', card.read_text(encoding='utf-8'), re.S).group(1)
    image = REPO / 'docs/demo.png'
    monkeypatch.chdir(tmp_path)
    variables = {}
    exec(code.replace("'image.png'", repr(str(image))), variables)
    assert variables['model'].dataset_meta['class_of_interest'] == 'green'
    assert variables['classes'].shape[0] == 1
    assert set(variables['classes'].unique().tolist()) <= {0, 1}


def test_the_card_tells_data_figures_and_versions(trained, tmp_path):
    said = ['--name', 'city-green', '--data', 'Tiles of a town, 2019, CC BY 4.0.', '--licence', 'CC BY 4.0']
    publish(trained, tmp_path, *said)
    text = next(tmp_path.glob('city-green-*.md')).read_text(encoding='utf-8')
    for line in (
        'HRNetV2 `w18_small_v1`, 2 auxiliary decoders for training, 1,625,190 parameters with them.',
        '- Licence of the weights: CC BY 4.0',
        '| 1 | green | 128, 0, 0 |',
        'Tiles of a town, 2019, CC BY 4.0.',
        '| train | SingleGreenDataset | data/singlegreen | splits/train.txt |',
        'Measured on validation data, at iteration 20 of training. Percent; kappa, MCC, AP, ECE are coefficients.',
        '| IoU.green | 61.25 |',
        '| MCC | - |',
        '- Run: green_20260102_030405; iter 20, epoch 0, seed 3.',
        '- Versions noted in the file: mmengine 0.10.12, torch 2.9.1+cpu.',
    ):
        assert line in text.splitlines()
    assert 'val/time' not in text
    assert hashlib.sha256(Config.fromfile(AUX).pretty_text.encode()).hexdigest() in text


def report(folder, sha256):
    classes = [
        class_row(name, iou=iou, f1=90.0, precision=91.0) for name, iou in (('background', 95.0), ('green', 71.5))
    ]
    threshold = {'class': 'green', 'value': 0.25}
    run = run_record(checkpoint_sha256=sha256, images=12, data_list='splits/test.txt', threshold=threshold)
    overall = {'oa': 96.0, 'miou': 83.25, 'macc': 90.0, 'mdice': 91.0, 'fwiou': 90.5, 'kappa': 0.875, 'mcc': 0.8}
    overall |= {'balanced_accuracy': 90.0, 'pixels': 100}
    content = {'format': 'mmseg_aux_hrnet report 1', 'run': run, 'classes': classes, 'overall': overall}
    (folder / 'metrics.json').write_text(json.dumps(content), encoding='utf-8')
    return folder / 'metrics.json'


def test_figures_of_a_report_take_precedence(trained, tmp_path):
    digest = hashlib.sha256((trained / 'best_IoU.green_iter_20.pth').read_bytes()).hexdigest()
    assert publish(trained, tmp_path, '--metrics', report(tmp_path, digest)) == 0
    lines = next(tmp_path.glob('*.md')).read_text(encoding='utf-8').splitlines()
    measured = 'Measured on 12 images of splits/test.txt, 2026-01-02, green from a probability of 0.25.'
    assert f'{measured} Percent; kappa, MCC, AP, ECE are coefficients.' in lines
    assert {'| IoU.green | 71.50 |', '| Recall.green | - |', '| mIoU | 83.25 |', '| kappa | 0.8750 |'} <= set(lines)
    assert '| IoU.green | 61.25 |' not in lines


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda text: text.replace('0' * 64, '1' * 64), 'measures a checkpoint of sha256 1111'),
        (
            lambda text: text.replace('"miou"', '"x"'),
            r'damaged or was edited \(overall\.miou is missing\): write the report again',
        ),
        (lambda text: text.replace('report 1', 'report 2'), "has the format 'mmseg_aux_hrnet report 2'"),
        (lambda text: text[:-5], 'is not JSON'),
        (lambda text: '[1]', 'has the format None'),
    ],
)
def test_wrong_reports_are_refused(trained, tmp_path, capsys, change, message):
    path = report(tmp_path, '0' * 64)
    path.write_text(change(path.read_text(encoding='utf-8')), encoding='utf-8')
    assert re.search(message, refused(capsys, trained, tmp_path / 'out', '--metrics', path))
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('meta', 'hub', 'expected'),
    [
        ({'iter': 20, 'epoch': 0}, log(20), 'at iteration 20'),
        ({'iter': 60, 'epoch': 20}, log(20, max_epochs=30), 'at epoch 20'),
        ({'iter': 20, 'epoch': 2}, log(20, max_epochs=30), None),
        ({'iter': 25, 'epoch': 0}, log(20), None),
        ({'iter': 20}, {'runtime_info': {}, 'log_scalars': {}}, None),
        ({'iter': 20}, None, None),
    ],
)
def test_only_figures_of_these_very_weights_count(meta, hub, expected):
    figures = logged({'meta': meta, 'message_hub': hub})
    assert (figures is None) == (expected is None)
    values = {'IoU.green': 61.25, 'kappa': 0.5, 'MCC': None}
    assert figures is None or (expected in figures.measured and figures.values == values)


def test_safetensors_are_published_too(trained, tmp_path):
    assert publish(trained, tmp_path, '--safetensors') == 0
    (path,) = tmp_path.glob('*.safetensors')
    assert path.name == f'green-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.safetensors'
    assert read_checkpoint(path)['meta']['dataset_meta'] == META
    assert path.with_suffix('.md').is_file()


def test_a_converted_file_says_where_it_comes_from(tmp_path):
    save_official(tmp_path / 'official.pth', OfficialNetwork())
    city = REPO / 'configs/hrnet/fcn_hr18s-v1_512x1024_484e_cityscapes.py'
    assert run_here('convert_checkpoint', tmp_path / 'official.pth', tmp_path / 'city.pth', '--config', city) == 0
    assert publish(tmp_path / 'city.pth', tmp_path / 'out') == 0
    text = next((tmp_path / 'out').glob('city-*.md')).read_text(encoding='utf-8')
    assert '- Converted from official.pth (official HRNet code), exceptions: none.' in text
    assert 'not trained with it' in text
    assert 'None are known of this file.' in text


def test_a_stored_threshold_goes_with_the_file(trained, tmp_path):
    path = spoiled(
        trained, tmp_path, lambda content: content['meta'].update(threshold={'class': 'green', 'value': 0.42})
    )
    assert publish(path, tmp_path / 'out') == 0
    (file,) = (tmp_path / 'out').glob('*.pth')
    assert read_checkpoint(file)['meta']['threshold'] == {'class': 'green', 'value': 0.42}
    text = file.with_suffix('.md').read_text(encoding='utf-8')
    assert 'A pixel is green where its probability is at least 0.42.' in text


def spoiled(trained, folder, change):
    content = read_checkpoint(trained / 'best_IoU.green_iter_20.pth')
    change(content)
    torch.save(content, folder / 'odd.pth')
    return folder / 'odd.pth'


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda content: content.pop('meta'), 'does not say its classes, colours and config'),
        (lambda content: content['meta'].pop('cfg'), 'does not say'),
        (lambda content: content['meta']['dataset_meta'].pop('palette'), 'does not say'),
        (lambda content: content['state_dict']['backbone.bn1.bias'].fill_(np.nan), 'backbone.bn1.bias holds numbers'),
    ],
)
def test_what_nobody_could_use_is_not_published(trained, tmp_path, capsys, change, message):
    line = refused(capsys, spoiled(trained, tmp_path, change), tmp_path / 'out')
    assert message in line
    assert not (tmp_path / 'out').exists()


def test_a_run_without_a_plain_name_needs_one(trained, tmp_path, capsys):
    content = read_checkpoint(trained / 'iter_20.pth')
    del content['meta']['experiment_name']
    torch.save(content, tmp_path / 'my model.pth')
    assert "the name 'my model' has" in refused(capsys, tmp_path / 'my model.pth', tmp_path / 'out')


@pytest.mark.parametrize('name', ['../x', 'a/b', '.hidden', 'a b', ''])
def test_names_that_are_no_file_names_are_refused(trained, tmp_path, capsys, name):
    if name:
        assert 'letters, digits' in refused(capsys, trained, tmp_path / 'out', '--name', name)
        assert not (tmp_path / 'out').exists()
    else:  # that of the run
        assert publish(trained, tmp_path / 'out', '--name', name) == 0


@pytest.mark.parametrize('fails_at', [1, 2])
def test_a_full_disk_leaves_neither_file(trained, tmp_path, capsys, monkeypatch, fails_at):
    replace, calls = os.replace, []

    def full(*args):
        calls.append(args)
        if len(calls) == fails_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(*args)

    monkeypatch.setattr(whole.os, 'replace', full)
    assert 'No space left' in refused(capsys, trained, tmp_path)
    assert not list(tmp_path.iterdir())
