import numpy as np
import pytest
import torch
from mmseg.datasets.transforms import PackSegInputs

from mmseg_aux_hrnet.datasets.transforms.packing import PackPlanes

pytestmark = pytest.mark.stack
IMAGE = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)


@pytest.mark.parametrize(
    'image',
    [IMAGE, IMAGE[2:7, 3:9], IMAGE[:, ::-1], IMAGE.astype(np.float32), IMAGE[..., 0], np.dstack([IMAGE, IMAGE])],
    ids=['whole', 'view', 'mirrored', 'float', 'grey', 'six bands'],
)
def test_packs_what_mmseg_packs(image):
    results = dict(img=image, gt_seg_map=image.reshape(*image.shape[:2], -1)[..., 0], img_path='a.png', flip=True)
    ours, want = PackPlanes()(dict(results)), PackSegInputs()(dict(results))
    assert torch.equal(ours['inputs'], want['inputs'])
    assert ours['inputs'].dtype == want['inputs'].dtype
    assert ours['inputs'].is_contiguous()
    assert torch.equal(ours['data_samples'].gt_sem_seg.data, want['data_samples'].gt_sem_seg.data)
    assert ours['data_samples'].metainfo == want['data_samples'].metainfo


def test_tensors_own_their_memory():
    image = IMAGE.copy()
    packed = PackPlanes()(dict(img=image))
    image[:] = 0
    assert torch.equal(packed['inputs'], torch.from_numpy(IMAGE.transpose(2, 0, 1).copy()))
    assert 'gt_sem_seg' not in packed['data_samples']
