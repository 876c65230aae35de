"""Refuse to start if data are missing, or if data and model have different classes."""

from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmseg.registry import HOOKS
from torch.nn import ModuleList

from mmseg_aux_hrnet.errors import ConfigError, DataError, counted

FILE_KEYS = ('img_path', 'seg_map_path')


class DataCheckHook(Hook):
    """Check the data of each loop before its first iteration; the subclass says what ``check`` looks at."""

    def check(self, runner: Any, dataset: Any) -> None:
        """Raise where the data set does not fit the run."""
        raise NotImplementedError

    def before_train(self, runner: Any) -> None:
        """Check the training data."""
        self.check(runner, runner.train_dataloader.dataset)

    def before_val(self, runner: Any) -> None:
        """Check the validation data."""
        self.check(runner, runner.val_dataloader.dataset)

    def before_test(self, runner: Any) -> None:
        """Check the test data."""
        self.check(runner, runner.test_dataloader.dataset)


@HOOKS.register_module()
class ClassCountHook(DataCheckHook):
    """Compare the classes of each data set with those of every head, before the first iteration.

    Raises (before training, validation and testing):
        ConfigError: the counts differ.
    """

    def check(self, runner: Any, dataset: Any) -> None:
        """Raise where a head has another number of classes than the data set.

        Raises:
            ConfigError: the counts differ.
        """
        classes = dataset.metainfo.get('classes')
        for name, head in heads(runner.model):
            # Nothing else would fail: a head of more classes trains on, and its metrics count classes without a name.
            if classes is not None and head.num_classes != len(classes):
                raise ConfigError(
                    f'{name} predicts {counted(head.num_classes, "class")} but the data set has {len(classes)} '
                    f'({", ".join(classes)}): set num_classes of every head to {len(classes)}'
                )


def heads(model: Any) -> list[tuple[str, Any]]:
    """Return the heads of a segmentor with their names, below any wrapper for several devices or augmentations."""
    while is_model_wrapper(model) or not hasattr(model, 'decode_head'):
        if not hasattr(model, 'module'):
            return []
        model = model.module
    named = []
    for name in ('decode_head', 'auxiliary_head'):
        head = getattr(model, name, None)
        if hasattr(head, 'num_classes'):
            named.append((name, head))
        elif isinstance(head, ModuleList):  # cascades, and several auxiliary heads
            named += [(f'{name}[{index}]', one) for index, one in enumerate(head)]
    return named


@HOOKS.register_module()
class DataFilesHook(DataCheckHook):
    """Look for every image and label before the first iteration.

    For mmseg's own data sets, which form the name of a label from that of its image and find out in the middle of an
    epoch that it is not there: Cityscapes comes without ``labelTrainIds``, PASCAL-Context without label images.

    Raises (before training, validation and testing):
        DataError: files are missing; names the first one.
    """

    def check(self, runner: Any, dataset: Any) -> None:
        """Raise unless all files of the data set are there.

        Raises:
            DataError: files are missing; names the first one.
        """
        while hasattr(dataset, 'dataset'):  # what repeats or mixes the images of a data set has no other files
            dataset = dataset.dataset
        samples = (dataset.get_data_info(index) for index in range(len(dataset)))
        paths = [sample[key] for sample in samples for key in FILE_KEYS if key in sample]
        missing = [path for path in paths if not Path(path).is_file()]
        if missing:
            raise DataError(
                f'{len(missing)} of {counted(len(paths), "file")} missing, first {missing[0]}: '
                'data/README.md shows the layout and how labels are made'
            )
