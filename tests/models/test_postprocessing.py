import pytest
import torch
from mmseg.models.segmentors import BaseSegmentor
from mmseg.structures import SegDataSample

from mmseg_aux_hrnet.models.segmentors.postprocessing import most_probable, set_predictions


class Segmentor:
    align_corners = False
    postprocess_result = BaseSegmentor.postprocess_result

    class decode_head:
        threshold = 0.3


METAS = [
    dict(ori_shape=(20, 30)),
    dict(ori_shape=(37, 51)),
    dict(ori_shape=(20, 30), flip=True, flip_direction='horizontal'),
    dict(ori_shape=(9, 11), flip=True, flip_direction='vertical'),
    dict(ori_shape=(15, 28), img_padding_size=[2, 0, 1, 4]),
    dict(ori_shape=(15, 28), padding_size=[0, 2, 0, 5]),
    dict(ori_shape=(20, 30), flip=False),
]


@pytest.mark.parametrize('channels', [1, 2, 5])
@pytest.mark.parametrize('meta', METAS, ids=str)
def test_gives_what_mmseg_gives(meta, channels):
    logits = torch.randn(2, channels, 20, 30, generator=torch.Generator().manual_seed(0))
    ours, theirs = ([SegDataSample(metainfo=meta) for _ in logits] for _ in range(2))
    ours = set_predictions(Segmentor(), logits, ours)
    theirs = Segmentor().postprocess_result(logits, theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one.seg_logits.data, other.seg_logits.data)
        assert torch.equal(one.pred_sem_seg.data, other.pred_sem_seg.data)
        assert one.pred_sem_seg.data.dtype == other.pred_sem_seg.data.dtype


def test_without_samples_new_ones_are_made():
    made = set_predictions(Segmentor(), torch.randn(2, 3, 4, 5))
    assert [tuple(sample.pred_sem_seg.data.shape) for sample in made] == [(1, 4, 5)] * 2


def test_of_equal_scores_the_first_class_counts():
    scores = torch.tensor([[1.0, 0.0, 2.0], [1.0, 3.0, 2.0], [0.0, 3.0, 2.0]])[:, None]
    assert most_probable(scores, dim=0).tolist() == [[[0, 1, 0]]]
    assert torch.equal(most_probable(scores, dim=0), scores.argmax(dim=0, keepdim=True))
