import pytest
import torch
from mmseg.models.decode_heads import FCNHead

from mmseg_aux_hrnet.models import BranchwiseFCNHead
from mmseg_aux_hrnet.models.decode_heads import branchwise_fcn_head

CHANNELS = [6, 10, 4, 12]
EVEN = [(24, 40), (12, 20), (6, 10), (3, 5)]
ODD = [(23, 37), (12, 19), (6, 10), (3, 5)]  # as of an image of 90 x 147


def settings(**changes):
    plain = dict(
        in_channels=CHANNELS, in_index=[0, 1, 2, 3], input_transform='resize_concat', channels=sum(CHANNELS),
        kernel_size=1, num_convs=1, concat_input=False, dropout_ratio=0.0, num_classes=3, norm_cfg=dict(type='BN'),
    )  # fmt: skip
    return {**plain, **changes}


def pair(**changes):
    """Return the head and mmseg's with the same weights and statistics that are not those of a new head.

    Both compute in float64: in float32 gradients that cancel leave whatever the kernels of the CPU round.
    """
    torch.manual_seed(0)
    heads = [kind(**settings(**changes)).double() for kind in (BranchwiseFCNHead, FCNHead)]
    for name, value in heads[1].state_dict().items():
        if value.is_floating_point():
            value.copy_(
                torch.rand_like(value) + 0.5 if name.endswith(('var', 'bn.weight')) else torch.randn_like(value)
            )
    heads[0].load_state_dict(heads[1].state_dict())
    return heads


def maps(sizes=EVEN, *, images=2):
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(images, c, *size, generator=generator, dtype=torch.float64)
        for c, size in zip(CHANNELS, sizes, strict=True)
    ]


def agree(ours, theirs):
    return torch.allclose(ours, theirs, rtol=1e-10, atol=1e-10 * theirs.abs().max().item())


CASES = [
    {},
    dict(align_corners=True),
    dict(norm_cfg=None),
    dict(act_cfg=None),
    dict(norm_cfg=dict(type='GN', num_groups=2)),
    dict(norm_cfg=dict(type='BN', affine=False)),
    dict(dropout_ratio=0.5),
    dict(in_channels=CHANNELS[2:], in_index=[2, 3], channels=8),
]


@pytest.mark.parametrize('sizes', [EVEN, ODD], ids=['even', 'odd'])
@pytest.mark.parametrize('changes', CASES, ids=str)
def test_predicts_what_fcn_head_predicts(changes, sizes):
    ours, theirs = (head.eval() for head in pair(**changes))
    with torch.no_grad():
        assert agree(ours(maps(sizes)), theirs(maps(sizes)))


@pytest.mark.parametrize('changes', [case for case in CASES if 'dropout_ratio' not in case], ids=str)
def test_trains_as_fcn_head_trains(changes):
    gradients = []
    for head in pair(**changes):
        inputs = [branch.requires_grad_() for branch in maps(ODD)]
        logits = head.train()(inputs)
        logits.square().mean().backward()
        used = [branch.grad for branch in inputs if branch.grad is not None]
        gradients.append([logits, *used, *(p.grad for p in head.parameters()), *head.buffers()])
    assert all(agree(ours, theirs) for ours, theirs in zip(*gradients, strict=True))


@pytest.mark.parametrize(
    'changes',
    [
        dict(kernel_size=3),
        dict(num_convs=2),
        dict(concat_input=True),
        dict(in_channels=6, in_index=0, channels=6, input_transform=None),
    ],
    ids=str,
)
def test_other_heads_are_left_to_fcn_head(changes):
    ours, theirs = (head.eval() for head in pair(**changes))
    with torch.no_grad():
        assert torch.equal(ours(maps()), theirs(maps()))


def test_the_plain_form_is_that_of_fcn_head():
    ours, theirs = (head.eval() for head in pair())
    ours.form = 'plain'
    with torch.no_grad():
        assert torch.equal(ours(maps()), theirs(maps()))


def convolved(monkeypatch):
    """Collect the sizes of all that is convolved."""
    sizes = []
    convolve = torch.nn.functional.conv2d
    monkeypatch.setattr(
        branchwise_fcn_head.F,
        'conv2d',
        lambda x, *args, **kw: sizes.append(tuple(x.shape[2:])) or convolve(x, *args, **kw),
    )
    return sizes


def test_each_branch_is_convolved_at_its_own_resolution(monkeypatch):
    ours, _ = pair()
    sizes = convolved(monkeypatch)
    ours(maps())
    assert sizes == [*EVEN, EVEN[0]]  # the last one is the classifier


@pytest.mark.parametrize('grad', [False, True])
def test_the_channels_of_a_large_map_are_made_in_chunks(monkeypatch, grad):
    ours, theirs = (head.eval() for head in pair())
    monkeypatch.setattr(branchwise_fcn_head, 'CHUNK', 16 * 24 * 40)
    sizes = convolved(monkeypatch)
    with torch.set_grad_enabled(grad):
        logits = ours(maps())
        assert agree(logits, theirs(maps()))
    assert sizes.count(EVEN[3]) == (1 if grad else 2)  # 32 channels, 16 at a time


def test_a_hook_on_the_classifier_gets_its_input():
    ours, theirs = (head.eval() for head in pair())
    seen = []
    for head in (ours, theirs):
        head.conv_seg.register_forward_hook(lambda _, inputs, output: seen.append(inputs[0]))
        with torch.no_grad():
            head(maps())
    assert agree(*seen)


def test_state_dict_keys_are_those_of_fcn_head():
    ours, theirs = pair()
    assert list(ours.state_dict()) == list(theirs.state_dict())
