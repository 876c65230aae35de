"""Refuses to start where files of a data set are missing."""

from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from mmseg_aux_hrnet.errors import DataError

FILE_KEYS = ('img_path', 'seg_map_path')


@HOOKS.register_module()
class DataFilesHook(Hook):
    """Look for every image and label before the first iteration.

    For mmseg's own data sets, which form the name of a label from that of its image and find out in the middle of an
    epoch that it is not there: Cityscapes comes without ``labelTrainIds``, PASCAL-Context without label images.

    Raises (before training, validation and testing):
        DataError: files are missing; names the first one.
    """

    def before_train(self, runner: Any) -> None:
        """Check the training data."""
        check_files(runner.train_dataloader.dataset)

    def before_val(self, runner: Any) -> None:
        """Check the validation data."""
        check_files(runner.val_dataloader.dataset)

    def before_test(self, runner: Any) -> None:
        """Check the test data."""
        check_files(runner.test_dataloader.dataset)


def check_files(dataset: Any) -> None:
    """Raise unless all files of ``dataset`` are there.

    Raises:
        DataError: see :class:`DataFilesHook`.
    """
    while hasattr(dataset, 'dataset'):
        dataset = dataset.dataset  # what repeats or mixes the images of a data set has no other files
    samples = (dataset.get_data_info(index) for index in range(len(dataset)))
    paths = [sample[key] for sample in samples for key in FILE_KEYS if key in sample]
    missing = [path for path in paths if not Path(path).is_file()]
    if missing:
        raise DataError(
            f'{len(missing)} of {len(paths)} files are missing, first {missing[0]}: '
            'data/README.md shows the layout and how labels are made'
        )
