import pytest
import torch
from torch import nn

from mmseg_aux_hrnet import weights
from mmseg_aux_hrnet.errors import CheckpointError
from mmseg_aux_hrnet.weights.fitting import RUN_STATE
from mmseg_aux_hrnet.weights.writing import checkpoint_bytes

pytestmark = pytest.mark.stack


class Net(nn.Module):
    """Has the parts of a segmentor, small."""

    def __init__(self, width=3, auxiliary=True):
        super().__init__()
        self.backbone = nn.Linear(2, width)
        self.decode_head = nn.Linear(width, 2)
        if auxiliary:
            self.auxiliary_head = nn.ModuleList([nn.Linear(width, 2)])


def saved(tmp_path, net, **content):
    torch.save({'state_dict': net.state_dict(), **content}, tmp_path / 'net.pth')
    return tmp_path / 'net.pth'


def test_load_model_weights_fills_and_returns_meta(tmp_path):
    source, target = Net(), Net()
    meta = weights.load_model_weights(target, weights.Checkpoint(saved(tmp_path, source, meta={'iter': 7})))
    assert meta == {'iter': 7}
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), target.parameters(), strict=True))


@pytest.mark.parametrize(('has', 'wants'), [(True, False), (False, True)])
def test_auxiliary_heads_may_be_missing_on_either_side(tmp_path, has, wants):
    source, target = Net(auxiliary=has), Net(auxiliary=wants)
    weights.load_model_weights(target, weights.Checkpoint(saved(tmp_path, source)))
    assert torch.equal(source.decode_head.weight, target.decode_head.weight)


def test_another_architecture_is_refused_with_its_keys(tmp_path):
    other = Net(width=4)
    other.extra = nn.Linear(1, 1)
    before = Net()
    untouched = before.backbone.weight.clone()
    with pytest.raises(
        CheckpointError, match=r'2 unexpected \(extra\.weight.*3 other shape \(backbone\.weight \(4, 2\)'
    ):
        weights.load_model_weights(before, weights.Checkpoint(saved(tmp_path, other)))
    assert torch.equal(before.backbone.weight, untouched)


def test_a_checkpoint_without_weights_is_refused(tmp_path):
    for content, message in (({'meta': {}}, 'holds no weights'), ({'state_dict': torch.ones(2)}, 'holds a Tensor')):
        torch.save(content, tmp_path / 'a.pth')
        with pytest.raises(CheckpointError, match=message):
            weights.load_model_weights(Net(), weights.Checkpoint(tmp_path / 'a.pth'))


def test_wrappers_around_the_network_are_looked_through(tmp_path):
    source, target = Net(), Net()
    wrapped = nn.Module()
    wrapped.module = nn.Module()  # several scales in several processes
    wrapped.module.module = target
    weights.load_model_weights(wrapped, weights.Checkpoint(saved(tmp_path, source)))
    assert torch.equal(source.backbone.weight, target.backbone.weight)
    weights.check_fits(wrapped, saved(tmp_path, source))


def test_backbone_weights_come_out_of_a_whole_network(tmp_path):
    source, target = Net(), nn.Linear(2, 3)
    weights.load_backbone_weights(target, saved(tmp_path, source))
    assert torch.equal(source.backbone.weight, target.weight)


def test_counters_of_batch_norm_may_be_missing():
    expected = nn.BatchNorm2d(2).state_dict()
    got = {key: value for key, value in expected.items() if key != 'num_batches_tracked'}
    assert not any(weights.mismatches(expected, got).values())


def test_weights_alone_cannot_be_resumed(tmp_path):
    with pytest.raises(CheckpointError, match='no state of a run .message_hub, optimizer'):
        weights.check_fits(Net(), saved(tmp_path, Net(), meta={}), resume=True)


def test_resuming_with_another_network_is_refused(tmp_path):
    run = {part: {} for part in RUN_STATE}
    path = saved(tmp_path, Net(auxiliary=False), **run)
    weights.check_fits(Net(auxiliary=False), path, resume=True)
    with pytest.raises(CheckpointError, match=r'2 missing \(auxiliary_head'):
        weights.check_fits(Net(), path, resume=True)


def test_two_weights_of_one_name_are_refused(tmp_path):
    torch.save({'module.a': torch.ones(1), 'a': torch.zeros(1)}, tmp_path / 'f.pth')
    with pytest.raises(CheckpointError, match=r'f\.pth holds both a and module\.a'):
        _ = weights.Checkpoint(tmp_path / 'f.pth').weights


def test_a_file_of_the_official_code_is_named_as_such(tmp_path):
    torch.save({'model.last_layer.0.weight': torch.ones(1)}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=r'official HRNet code: convert it with tools/convert_checkpoint\.py'):
        weights.load_model_weights(Net(), weights.Checkpoint(tmp_path / 'a.pth'))


def test_safetensors_fill_models_but_start_no_run_of_mmengine(tmp_path):
    source, target = Net(), Net()
    path = tmp_path / 'a.safetensors'
    path.write_bytes(checkpoint_bytes({'state_dict': source.state_dict(), 'meta': {'iter': 3}}, suffix='.safetensors'))
    assert weights.load_model_weights(target, weights.Checkpoint(path)) == {'iter': 3}
    assert torch.equal(source.backbone.weight, target.backbone.weight)
    with pytest.raises(CheckpointError, match=r'\.pth files only'):
        weights.check_fits(target, path)


@pytest.mark.parametrize(
    'wrap',
    ['_orig_mod.{}', 'module._orig_mod.{}', '_orig_mod.module.{}', 'backbone._orig_mod.{}', '_fsdp_wrapped_module.{}'],
)
def test_names_of_a_compiled_network_are_read_and_kept_from_mmengine(tmp_path, wrap):
    source, target = Net(), Net()
    state = {}
    for key, value in source.state_dict().items():
        inside = wrap.startswith('backbone') == key.startswith('backbone')
        state[wrap.format(key.removeprefix('backbone.') if 'backbone' in wrap else key) if inside else key] = value
    torch.save({'state_dict': state}, tmp_path / 'c.pth')
    weights.load_model_weights(target, weights.Checkpoint(tmp_path / 'c.pth'))
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), target.parameters(), strict=True))
    with pytest.raises(CheckpointError, match=r'which mmengine would skip: convert it with tools/convert_checkpoint'):
        weights.check_fits(target, tmp_path / 'c.pth')


def test_a_name_with_and_without_a_wrapper_is_refused(tmp_path):
    torch.save({'a': torch.ones(1), '_orig_mod.a': torch.zeros(1)}, tmp_path / 'c.pth')
    with pytest.raises(CheckpointError, match='with and without _orig_mod'):
        _ = weights.Checkpoint(tmp_path / 'c.pth').weights
