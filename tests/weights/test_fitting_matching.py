import torch

from mmseg_aux_hrnet.weights.fitting import faults_of, matched, widened, with_counters

EXPECTED = {'a': torch.zeros(2), 'b': torch.zeros(3), 'n.num_batches_tracked': torch.tensor(0)}


def test_every_kind_of_fault_is_found():
    weights = {'a': torch.tensor([1.0, float('nan')]), 'b': torch.zeros(4), 'c': torch.ones(1)}
    faults = faults_of(weights, EXPECTED)
    assert faults == {
        'missing': [],
        'unexpected': ['c'],
        'other shape': ['b (4,) instead of (3,)'],
        'other type': [],
        'not finite': ['a'],
    }
    assert faults_of({'b': torch.zeros(3).double()}, EXPECTED)['missing'] == ['a']
    assert faults_of({'b': torch.zeros(3).double()}, EXPECTED)['other type'] == [
        'b torch.float64 instead of torch.float32'
    ]


def test_counters_are_filled_in_and_the_order_is_that_of_the_network():
    whole = with_counters({'c': torch.ones(1), 'b': torch.ones(3), 'a': torch.ones(2)}, EXPECTED)
    assert list(whole) == ['a', 'b', 'n.num_batches_tracked', 'c']
    assert whole['n.num_batches_tracked'].item() == 0
    counted = with_counters({'n.num_batches_tracked': torch.tensor(7)}, EXPECTED)
    assert counted['n.num_batches_tracked'].item() == 7


def test_half_precision_is_widened_without_loss():
    half = torch.tensor([0.1, 3.0, 65504.0]).half()
    wide = widened({'a': half, 'b': half.bfloat16(), 'c': torch.tensor(3)})
    assert [value.dtype for value in wide.values()] == [torch.float32, torch.float32, torch.int64]
    assert torch.equal(wide['a'].half(), half)


def test_only_the_same_shape_matches():
    assert matched({'a': torch.ones(2), 'b': torch.ones(2), 'c': torch.ones(2)}, EXPECTED) == ['a']
