import copy

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

from mmseg_aux_hrnet import run_config, shipped, speed
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.models import ProbabilityTTAModel

IMAGES = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope='module')
def trained():
    """Return an aux-HRNet whose batch norms have seen images."""
    config = run_config.load_config(shipped.config('hrnet/fcn_aux-hr18s-v1_128x128_demo.py'))
    config.model.pop('data_preprocessor')
    torch.manual_seed(0)
    model = MODELS.build(config.model).train()
    for _ in range(3):
        model(torch.randn(2, 3, 64, 64), mode='tensor')
    return model.eval()


def logits(model):
    with torch.no_grad():
        return model(IMAGES, mode='tensor')


@pytest.mark.parametrize('level', speed.LEVELS)
def test_predictions_change_by_rounding_only(trained, level):
    model = copy.deepcopy(trained)
    speed.apply(model, level)
    expected = logits(trained)
    assert torch.allclose(logits(model), expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


def test_off_is_what_mmseg_computes(trained):
    model = copy.deepcopy(trained)
    speed.apply(model, 'off')
    stock = copy.deepcopy(trained)
    stock.backbone.forward = lambda x: super(type(stock.backbone), stock.backbone).forward(x)
    stock.decode_head.form = 'plain'
    assert torch.equal(logits(model), logits(stock))


def test_prediction_has_no_batch_norm_left(trained):
    model = copy.deepcopy(trained)
    speed.apply(model)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@pytest.mark.parametrize('level', speed.LEVELS)
def test_training_keeps_weights_and_their_names(trained, level):
    model = copy.deepcopy(trained)
    speed.apply(model, level, training=True)
    assert list(model.state_dict()) == list(trained.state_dict())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_the_model_within_a_wrapper_is_meant(trained):
    model = ProbabilityTTAModel(module=copy.deepcopy(trained))
    speed.apply(model, 'off')
    assert model.module.decode_head.form == 'plain'


def test_an_unknown_level_is_refused(trained):
    with pytest.raises(ConfigError, match="'fast' is unknown: use one of off, safe, max"):
        speed.apply(trained, 'fast')
