"""Buildings against background."""

from typing import Any

from mmseg.registry import DATASETS

from mmseg_aux_hrnet.datasets.label_rules import LabelFormat
from mmseg_aux_hrnet.datasets.listed_dataset import ListedDataset


@DATASETS.register_module()
class UrbanisationDataset(ListedDataset):
    """Building footprint or built-up area on aerial tiles.

    The reference layout is ``x/SPLIT``, ``y/SPLIT`` and ``list/SPLIT.lst`` with 8-bit labels of 0 and 1.

    Args:
        label_format: form of the label files.
        **kwargs: as in :class:`ListedDataset`.
    """

    METAINFO = {  # noqa: RUF012  # mmseg reads a plain class attribute
        'classes': ('background', 'building'),
        'palette': [[0, 0, 0], [255, 255, 255]],
        'class_of_interest': 'building',
    }

    def __init__(self, *, label_format: LabelFormat = 'index', **kwargs: Any) -> None:
        super().__init__(label_format=label_format, **kwargs)
