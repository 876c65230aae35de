"""Urban green against background."""

from typing import Any

from mmseg.registry import DATASETS

from mmseg_aux_hrnet.datasets.label_rules import LabelFormat
from mmseg_aux_hrnet.datasets.listed_dataset import ListedDataset


@DATASETS.register_module()
class SingleGreenDataset(ListedDataset):
    """Urban green space in aerial images (doi 10.3390/land11060905).

    The reference layout is ``rawdata/SPLIT``, ``labeldata/SPLIT`` and ``splits/SPLIT.txt`` with palette PNG labels.

    Args:
        label_format: form of the label files.
        **kwargs: as in :class:`ListedDataset`.
    """

    METAINFO = {  # noqa: RUF012  # mmseg reads a plain class attribute
        'classes': ('background', 'green'),
        'palette': [[0, 0, 0], [128, 0, 0]],
        'class_of_interest': 'green',
    }

    def __init__(self, *, label_format: LabelFormat = 'palette', **kwargs: Any) -> None:
        super().__init__(label_format=label_format, **kwargs)
