"""Training, testing and evaluating, from a config to figures and paths: the Python interface to them."""

from mmseg_aux_hrnet.run.evaluating import EvaluateOptions, EvaluateResult, evaluate
from mmseg_aux_hrnet.run.testing import TestOptions, TestResult, test
from mmseg_aux_hrnet.run.training import TrainOptions, TrainResult, train

__all__ = (
    'EvaluateOptions',
    'EvaluateResult',
    'TestOptions',
    'TestResult',
    'TrainOptions',
    'TrainResult',
    'evaluate',
    'test',
    'train',
)
