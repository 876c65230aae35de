import pytest
import torch
from mmseg.registry import OPTIM_WRAPPERS
from torch import nn


def wrapper(model, **settings):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    return OPTIM_WRAPPERS.build(dict(type='BFloat16OptimWrapper', optimizer=optimizer, **settings))


def test_computes_in_bfloat16_and_keeps_weights_and_gradients_in_float32():
    model = nn.Linear(4, 3)
    with wrapper(model).optim_context(model):
        out = model(torch.randn(2, 4))
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    assert {model.weight.dtype, model.weight.grad.dtype} == {torch.float32}


@pytest.mark.parametrize('counts', [1, 2])
def test_accumulates_gradients_as_mmengine_does(counts):
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    optim = wrapper(model, accumulative_counts=counts)
    optim.initialize_count_status(model, 0, 2)
    for _ in range(2):
        with optim.optim_context(model):
            loss = model(torch.ones(1, 1)).float().sum()
        optim.update_params(loss)
    # two steps of 0.5, or one of their mean: the gradient is 1 in each
    assert model.weight.item() == (-1.0 if counts == 1 else -0.5)


def test_restores_its_state():
    model = nn.Linear(4, 3)
    first, second = wrapper(model), wrapper(model)
    first.param_groups[0]['lr'] = 0.25
    second.load_state_dict(first.state_dict())
    assert second.param_groups[0]['lr'] == 0.25
