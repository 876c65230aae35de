"""Measures a file on labelled images of its config's test data, and compares with the maps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from numpy.typing import NDArray

from mmseg_aux_hrnet.bands import RGB, Bands, bands_in, check_same_bands
from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import ConfigError, DataError, counted
from mmseg_aux_hrnet.evaluation.confusion import confusion_counts
from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates
from mmseg_aux_hrnet.exchange.export.deepness import threshold_of, two_decimals
from mmseg_aux_hrnet.exchange.export.formats import Run
from mmseg_aux_hrnet.exchange.export.verify import Standard, compare, run_form
from mmseg_aux_hrnet.run.config import check_data_root, datasets_of, set_data_root
from mmseg_aux_hrnet.run.rgb_network import CLASSES, PROBABILITIES
from mmseg_aux_hrnet.run.trained_model import TrainedModel

IMAGES = 12  # enough to see that something is wrong, and soon done
IMAGE_LOADER, LABEL_LOADER = {'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}


class LabelledImages(NamedTuple):
    """Images with their labels.

    Attributes:
        source: where they are from, in words.
        pairs: images, uint8 (1, bands, H, W), in the order of the bands' names, such as RGB, and their classes, uint8
            (H, W).
        ignore_index: value of pixels that do not count.
    """

    source: str
    pairs: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]
    ignore_index: int


def read_labelled(
    config: Config, data_root: Path, *, classes: Classes, bands: Bands, tile: tuple[int, int], filled: bool
) -> LabelledImages:
    """Read a few images of the test data of a config, spread over their list.

    Args:
        config: a merged config.
        data_root: folder of the data set.
        classes: of the model.
        bands: of the model.
        tile: (height, width); what an image has beyond is cut off.
        filled: smaller images are filled up with black to the tile, which does not count.

    Raises:
        ConfigError: the config has no test data, or they tell other classes or give other bands than the model.
        DataError: they are not there, or have no labels.
    """
    if config.get('test_dataloader') is None:
        raise ConfigError(f'--data-root {data_root}: the config has no test data to compare on')
    set_data_root(config, data_root)
    check_data_root(config, ('test_dataloader',))
    init_default_scope(config.get('default_scope') or 'mmseg')
    described = next(datasets_of(config.test_dataloader.dataset))
    own = [step for step in described.get('pipeline') or () if step['type'] == IMAGE_LOADER['type']]  # may name bands
    loaders = [*(own[:1] or [IMAGE_LOADER]), LABEL_LOADER]
    dataset: Any = DATASETS.build({**described, 'pipeline': loaders, 'test_mode': True})
    names = tuple(dataset.metainfo.get('classes') or ())
    if names != classes.names:
        raise ConfigError(
            f'--data-root {data_root}: the data set has {", ".join(names)}, the model {", ".join(classes.names)}'
        )
    check_same_bands(bands, bands_in(dataset.metainfo), source='the model')
    if not getattr(dataset, 'has_labels', True):
        raise DataError(f'--data-root {data_root}: the test data have no labels to compare with; leave it out')
    (height, width), pairs = tile, []
    chosen = {int(place) for place in np.linspace(0, len(dataset) - 1, min(IMAGES, len(dataset)))}
    for loaded in (dataset[place] for place in sorted(chosen)):
        image = loaded['img'][:height, :width].transpose(2, 0, 1)[None].astype(np.uint8)
        if len(bands.names) == len(RGB):  # they are loaded in reverse, BGR
            image = image[:, ::-1]
        label = loaded['gt_seg_map'][:height, :width].astype(np.uint8)
        if filled:
            below, right = height - label.shape[0], width - label.shape[1]
            image = np.pad(image, ((0, 0), (0, 0), (0, below), (0, right)))
            label = np.pad(label, ((0, below), (0, right)), constant_values=dataset.ignore_index)
        pairs.append((np.ascontiguousarray(image), label))
    source = f'{Path(described.get("ann_file") or "the list").name} in {data_root}'
    return LabelledImages(source, pairs, int(dataset.ignore_index))


def measure(
    run: Run,
    images: LabelledImages,
    *,
    source: TrainedModel,
    standard: Standard,
    span: float,
    on_image: Callable[[int], None],
) -> str:
    """Compare a file with its standard on labelled images, and return the IoU of both in a line.

    Args:
        run: runs the file.
        images: with their labels.
        source: what was exported.
        standard: what the file must give.
        span: range that probabilities cover, to which tolerances are relative.
        on_image: called with the number of the next image, from 1.

    Raises:
        ExportError: the file does not run, or gives something else.
    """
    count = len(source.classes.names)
    totals = np.zeros((2, count, count), np.int64)
    for number, (image, label) in enumerate(images.pairs, start=1):
        on_image(number)
        predicted = standard(image)
        outputs = run_form(run, image, form=standard.form)
        expected = standard.expected(image, predicted)
        shape = (1, *label.shape)
        compare([outputs], [expected], shapes=[shape], form=standard.form, decision=standard.decision, span=span)
        for total, classes in zip(totals, (_classes(outputs, source), predicted[1][0]), strict=True):
            total += confusion_counts(classes, label, num_classes=count, ignore_index=images.ignore_index)
    interest = source.classes.of_interest
    shown = 'mIoU' if interest is None else f'IoU of {source.classes.names[interest]}'
    ours, theirs = (
        overall_rates(total).miou if interest is None else class_rates(total)[interest].iou for total in totals
    )
    where = f'{counted(len(images.pairs), "labelled image")} ({images.source})'
    return f'{shown} on {where}: {ours:.2f} by the file, {theirs:.2f} by Predictor'


def _classes(outputs: dict[str, NDArray[Any]], source: TrainedModel) -> NDArray[np.uint8]:
    """Return the class map of an image, uint8 (H, W), as users of the file get it."""
    if CLASSES in outputs:
        return np.asarray(outputs[CLASSES][0])
    probabilities = outputs[PROBABILITIES][0]
    if len(probabilities) > 1:
        return np.asarray(probabilities.argmax(axis=0), np.uint8)
    return np.asarray(probabilities[0] >= np.float32(two_decimals(threshold_of(source))), np.uint8)
