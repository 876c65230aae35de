"""Images of noise, for works whose cost does not depend on what is on them."""

from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

SEED = 0


def batch(count: int, *, size: tuple[int, int]) -> dict[str, Any]:
    """Return what a loader hands to a segmentor: ``count`` images of noise, (height, width), labels 0 and 1."""
    generator = torch.Generator().manual_seed(SEED)
    images = torch.randint(0, 256, (count, 3, *size), dtype=torch.uint8, generator=generator)
    samples = []
    for image in images:
        sample = SegDataSample(metainfo={'img_shape': size, 'ori_shape': size, 'pad_shape': size})
        sample.set_data({'gt_sem_seg': PixelData(data=(image[:1] > 127).long())})
        samples.append(sample)
    return {'inputs': list(images), 'data_samples': samples}
