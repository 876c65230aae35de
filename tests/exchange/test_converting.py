"""Whole conversions, by the command that users type."""

import copy

import numpy as np
import pytest
import torch
from conversion_support import AUX, CITY, CITY_V2, GREEN, changed, convert, older, refused
from mmengine.config import Config
from mmseg.apis import init_model
from official_network import OfficialNetwork

from mmseg_aux_hrnet.models import HRNetV2
from mmseg_aux_hrnet.weights import load_backbone_weights, read_checkpoint

pytestmark = pytest.mark.stack


def logits(model, x):
    with torch.no_grad():
        double = copy.deepcopy(model).double().eval()
        return double(x.double(), **({} if isinstance(model, OfficialNetwork) else {'mode': 'tensor'}))


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_official_weights_compute_the_same_through_our_config(network, city):
    model = init_model(str(CITY), str(city), device='cpu')
    for size in ((64, 96), (50, 70)):
        x = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))
        theirs, ours = logits(network, x), logits(model, x)
        # the bias is folded into a running mean in float32, and so rounded once
        assert (ours - theirs).abs().max() <= 1e-6 * theirs.std()


def test_the_result_says_what_it_is(city):
    meta = read_checkpoint(city)['meta']
    assert meta['dataset_meta']['classes'][:2] == ('road', 'sidewalk')
    assert meta['dataset_meta']['palette'][1] == [244, 35, 232]
    assert meta['converted_from']['form'] == 'official HRNet code'
    model = init_model(Config.fromstring(meta['cfg'], '.py'), str(city), device='cpu')
    assert (len(model.dataset_meta['classes']), model.decode_head.num_classes) == (19, 19)


def test_the_same_file_gives_the_same_bytes(tmp_path, official, city):
    convert(official, tmp_path / 'again.pth', '--config', CITY)
    assert (tmp_path / 'again.pth').read_bytes() == city.read_bytes()


def test_the_report_counts_every_key(tmp_path, official, capsys):
    convert(official, tmp_path / 'city.pth', '--config', CITY)
    printed = ' '.join(capsys.readouterr().out.split())
    assert 'official HRNet code to MMSegmentation 1.x matched 434 missing 0 unexpected 0 other shape 0' in printed
    assert 'left out 1 loss.criterion.weight classes road, sidewalk' in printed


def test_to_official_and_back_gives_the_same_bits(tmp_path, city):
    there, back = tmp_path / 'there.pth', tmp_path / 'back.pth'
    assert convert(city, there, '--to', 'official') == 0
    assert all(key.startswith('model.') for key in read_checkpoint(there))
    assert convert(there, back, '--config', CITY) == 0
    assert same(read_checkpoint(back)['state_dict'], read_checkpoint(city)['state_dict'])


def test_to_official_computes_the_same(tmp_path, network, city):
    convert(city, tmp_path / 'there.pth', '--to', 'official')
    loaded = {key[len('model.') :]: value for key, value in read_checkpoint(tmp_path / 'there.pth').items()}
    again = OfficialNetwork(seed=1)
    names = {key.removeprefix('body.'): key for key in again.state_dict()}
    again.load_state_dict({names[key]: value for key, value in loaded.items()})
    x = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    expected = logits(network, x)
    assert (logits(again, x) - expected).abs().max() <= 1e-6 * expected.std()


@pytest.mark.parametrize(('arch', 'config'), [('w18_small_v1', CITY), ('w18_small_v2', CITY_V2)])
def test_weights_of_the_official_network_give_its_stored_logits(shared, tmp_path, arch, config):
    stem = shared / 'parity' / f'official_{arch}_cityscapes'
    assert convert(stem.with_suffix('.pth'), tmp_path / 'a.pth', '--config', config) == 0
    stored = np.load(stem.with_suffix('.npz'))
    model = init_model(str(config), str(tmp_path / 'a.pth'), device='cpu')
    image, reference = torch.from_numpy(stored['input']), stored['logits'].astype(np.float64)
    with torch.no_grad():
        single = model(image, mode='tensor').numpy()
    exact = logits(model, image).numpy()
    for what, difference in (('double', exact - reference), ('single', single - reference)):
        rates = (np.sqrt(np.square(difference).mean()) / reference.std(), np.abs(difference).max() / reference.std())
        print(f'{arch}, {what} precision to stored logits: {rates[0]:.1e} of their deviation, largest {rates[1]:.1e}')
    # Each is the rounding of one pass in single precision: that of the stored logits, and ours.
    for difference, largest in ((exact - reference, 1e-5), (single - exact, 2e-5)):
        assert np.sqrt(np.square(difference).mean()) <= 1e-5 * reference.std()
        assert np.abs(difference).max() <= largest * np.abs(reference).max()


def test_fine_tuning_two_classes_from_nineteen(tmp_path, official, city, capsys):
    line = refused(capsys, official, tmp_path / 'two.pth', '--config', GREEN)
    assert line.endswith('name the exceptions if you mean them: --reset-classifier')
    assert convert(official, tmp_path / 'two.pth', '--config', GREEN, '--reset-classifier') == 0
    printed = ' '.join(capsys.readouterr().out.split())
    assert 'drawn anew 2 decode_head.conv_seg.weight decode_head.conv_seg.bias' in printed
    assert 'classes background, green (of the config)' in printed
    content, before = read_checkpoint(tmp_path / 'two.pth'), read_checkpoint(city)['state_dict']
    new = {key: content['state_dict'].pop(key) for key in ('decode_head.conv_seg.weight', 'decode_head.conv_seg.bias')}
    assert tuple(new['decode_head.conv_seg.weight'].shape) == (2, 240, 1, 1)
    assert 0.008 < new['decode_head.conv_seg.weight'].std() < 0.012  # as mmseg draws it: normal, 0.01
    assert not new['decode_head.conv_seg.bias'].any()
    assert same(content['state_dict'], {key: value for key, value in before.items() if key not in new})
    assert content['meta']['converted_from']['options'] == ['--reset-classifier']


def test_auxiliary_heads_need_a_word_in_both_directions(tmp_path, official, capsys):
    line = refused(capsys, official, tmp_path / 'aux.pth', '--config', AUX)
    assert line.endswith('if you mean them: --reset-auxiliary --reset-classifier')
    assert convert(official, tmp_path / 'aux.pth', '--config', AUX, '--reset-auxiliary', '--reset-classifier') == 0
    line = refused(capsys, tmp_path / 'aux.pth', tmp_path / 'plain.pth', '--config', GREEN)
    assert line.endswith('if you mean them: --drop-auxiliary')
    assert convert(tmp_path / 'aux.pth', tmp_path / 'plain.pth', '--config', GREEN, '--drop-auxiliary') == 0
    assert '--drop-auxiliary' in refused(capsys, tmp_path / 'aux.pth', tmp_path / 'there.pth', '--to', 'official')
    assert convert(tmp_path / 'aux.pth', tmp_path / 'there.pth', '--to', 'official', '--drop-auxiliary') == 0
    assert len(read_checkpoint(tmp_path / 'there.pth')) == 435


def test_a_checkpoint_of_0x_becomes_one_of_1x(tmp_path, capsys):
    path, weights = older(tmp_path)
    assert 'w18_small_v1, 2 outputs, 2 auxiliary heads' in refused(capsys, path, tmp_path / 'new.pth')
    assert convert(path, tmp_path / 'new.pth', '--config', AUX) == 0
    content = read_checkpoint(tmp_path / 'new.pth')
    assert same(content['state_dict'], dict(weights))
    assert (list(content), content['meta']['iter']) == (['meta', 'state_dict'], 80000)
    assert content['meta']['dataset_meta']['classes'] == ('background', 'green')
    model = init_model(str(AUX), str(tmp_path / 'new.pth'), device='cpu')
    assert model.dataset_meta['palette'] == [[0, 0, 0], [128, 0, 0]]


@pytest.mark.parametrize(('choice', 'names'), [('file', ('rest', 'trees')), ('config', ('background', 'green'))])
def test_other_class_names_need_a_choice(tmp_path, capsys, choice, names):
    path, _ = older(tmp_path, names=('rest', 'trees'))
    assert 'the file names rest, trees' in refused(capsys, path, tmp_path / 'new.pth', '--config', AUX)
    assert convert(path, tmp_path / 'new.pth', '--config', AUX, '--classes', choice) == 0
    assert read_checkpoint(tmp_path / 'new.pth')['meta']['dataset_meta']['classes'] == names


@pytest.mark.parametrize(
    ('options', 'kept'),
    [([], True), (['--classes', 'file'], True), (['--classes', 'config'], True), (['--reset-classifier'], False)],
)
def test_a_stored_threshold_stays_with_its_class(tmp_path, capsys, options, kept):
    path, _ = older(tmp_path, threshold={'class': 'green', 'value': 0.42})
    assert convert(path, tmp_path / 'new.pth', '--config', AUX, *options) == 0
    assert ('threshold' in read_checkpoint(tmp_path / 'new.pth')['meta']) == kept
    assert ('threshold of green' in capsys.readouterr().out) != kept


def test_safetensors_there_and_back(tmp_path, city):
    middle, back = tmp_path / 'a.safetensors', tmp_path / 'back.pth'
    assert convert(city, middle, '--config', CITY) == 0
    assert convert(middle, back, '--config', CITY) == 0
    assert same(read_checkpoint(back)['state_dict'], read_checkpoint(city)['state_dict'])
    assert read_checkpoint(middle)['meta']['dataset_meta'] == read_checkpoint(city)['meta']['dataset_meta']


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@pytest.mark.parametrize('wrapped', [False, True])
def test_imagenet_files_become_files_for_pretrained(tmp_path, suffix, wrapped):
    weights = HRNetV2('w18_small_v1').state_dict()
    head = {'incre_modules.0.0.conv1.weight': torch.ones(1), 'classifier.bias': torch.ones(1000)}
    content = {**weights, **head}
    torch.save({'state_dict': content} if wrapped else content, tmp_path / 'imagenet.pth')
    out = tmp_path / f'start{suffix}'
    assert convert(tmp_path / 'imagenet.pth', out) == 0
    assert same(read_checkpoint(out)['state_dict'], dict(weights))
    for path in (tmp_path / 'imagenet.pth', out):
        net = HRNetV2('w18_small_v1', init_cfg=dict(type='Pretrained', checkpoint=str(path)))
        net.init_weights()
        assert same(dict(net.state_dict()), dict(weights))
    load_backbone_weights(HRNetV2('w18_small_v1'), out)


def test_counters_of_batch_norm_may_be_missing(tmp_path, official):
    counters = {key: None for key in torch.load(official) if key.endswith('num_batches_tracked')}
    changed(official, **counters)
    assert convert(official, tmp_path / 'a.pth', '--config', CITY) == 0
    state = read_checkpoint(tmp_path / 'a.pth')['state_dict']
    assert state['backbone.bn1.num_batches_tracked'].item() == 0
    assert sum(key.endswith('num_batches_tracked') for key in state) == len(counters)


def test_synchronised_batch_norm_has_the_same_weights(tmp_path, official, city):
    text = f'_base_ = {CITY.as_posix()!r}\nnorm = dict(type="SyncBN")\n'
    text += 'model = dict(backbone=dict(norm_cfg=norm), decode_head=dict(norm_cfg=norm))\n'
    (tmp_path / 'sync.py').write_text(text, encoding='utf-8')
    assert convert(official, tmp_path / 'sync.pth', '--config', tmp_path / 'sync.py') == 0
    assert same(read_checkpoint(tmp_path / 'sync.pth')['state_dict'], read_checkpoint(city)['state_dict'])


@pytest.mark.parametrize(
    ('settings', 'said'),
    [
        ('backbone=dict(fuse_upsampling="mmseg")', "backbone: mmseg's enlarging of branches"),
        ('decode_head=dict(align_corners=True)', 'decode_head: align_corners=True'),
        ('backbone=dict(norm_cfg=dict(eps=1e-3))', 'batch norm: eps other than 1e-05'),
        ('backbone=dict()', 'sizes: filled up to multiples of 32, unless'),
        ('data_preprocessor=dict(test_cfg=dict(size_divisor=1))', ''),
    ],
)
def test_a_config_that_computes_otherwise_is_named(tmp_path, official, capsys, settings, said):
    text = f'_base_ = {CITY.as_posix()!r}\nmodel = dict({settings})\n'
    (tmp_path / 'other.py').write_text(text, encoding='utf-8')
    assert convert(official, tmp_path / 'a.pth', '--config', tmp_path / 'other.py') == 0
    printed = capsys.readouterr().out
    assert said in printed
    assert ('computes otherwise' in printed) == bool(said)


def test_half_precision_becomes_single(tmp_path, network, official):
    half = {
        key: value.half() if value.is_floating_point() else value for key, value in network.weights('model.').items()
    }
    torch.save(half, official)
    assert convert(official, tmp_path / 'a.pth', '--config', CITY) == 0
    state = read_checkpoint(tmp_path / 'a.pth')['state_dict']
    assert torch.equal(state['backbone.conv1.weight'], half['model.conv1.weight'].float())
