"""Data sets of one part of the data, through what joins, repeats and mixes them."""

from collections.abc import Iterator
from typing import Any

from mmseg_aux_hrnet.migration.data_set import migrate_data_set
from mmseg_aux_hrnet.migration.pipelines import Pipeline, migrate_training
from mmseg_aux_hrnet.migration.report import Report, Section
from mmseg_aux_hrnet.migration.transforms import Step

FOLDERS = ('img_dir', 'ann_dir', 'split')


class DataPart:
    """One of ``data.train``, ``data.val`` and ``data.test``.

    Args:
        old: a data set of 0.x, or a list of them.
        place: its name in the old config.
        training: whether it trains, else it tests.
        seen: pipelines of 1.x by their text; equal ones become one object, which a config file writes once.
        report: gets the notes.

    Attributes:
        dataset: the data set of 1.x.
        pipelines: those of its parts, in order.

    Raises:
        ConfigError: see :func:`~mmseg_aux_hrnet.migration.data_set.migrate_data_set`.
    """

    def __init__(self, old: Any, *, place: str, training: bool, seen: dict[str, list[Step]], report: Report) -> None:
        self.training = training
        self.seen = seen
        self.report = report
        self.pipelines: list[Pipeline] = []
        self.dataset = self._migrated(old, place=place)

    @property
    def ignore_index(self) -> int:
        """Label of the pixels that do not count, in the first data set."""
        return int(next(self.leaves()).get('ignore_index', 255))

    def leaves(self) -> Iterator[dict[str, Any]]:
        """Yield the data sets that read files, from below those that join, repeat or mix them."""
        parts = [self.dataset]
        while parts:
            part = parts.pop(0)
            below = part.get('datasets') or [part[key] for key in ('dataset',) if key in part]
            if not below:
                yield part
            parts = [*below, *parts]

    def _migrated(self, old: Any, *, place: str) -> dict[str, Any]:
        if isinstance(old, (list, tuple)):
            parts = [self._migrated(part, place=f'{place}[{index}]') for index, part in enumerate(old)]
            return {'type': 'ConcatDataset', 'datasets': parts}
        section = Section(old, place=place, report=self.report)
        section.drop('separate_eval', why='all parts are measured together')
        if 'datasets' in section:
            new = self._migrated(section.take('datasets'), place=f'{place}.datasets')
        elif 'dataset' in section:
            new = {'type': section.take('type')}
            new['dataset'] = self._migrated(section.take('dataset'), place=f'{place}.dataset')
            new |= section.take_given('times', 'skip_type_keys')
            new |= self._mixing(section)
        else:
            return self._of_folders(section)
        section.take('type')
        section.close()
        return new

    def _mixing(self, section: Section) -> dict[str, Any]:
        """Return the pipeline of what mixes images of the data set that it wraps."""
        pipeline = section.take('pipeline')
        if pipeline is None:
            return {}
        new = migrate_training(pipeline, place=f'{section.place}.pipeline', report=self.report)
        return {'pipeline': self._noted(new)}

    def _noted(self, pipeline: Pipeline) -> list[Step]:
        steps = self.seen.setdefault(repr(pipeline.steps), pipeline.steps)
        self.pipelines.append(pipeline._replace(steps=steps))
        return steps

    def _of_folders(self, section: Section) -> dict[str, Any]:
        """Return the data set of one folder, or where folders or lists are several, of all of them."""
        folders = {key: section.take(key) for key in FOLDERS}
        count = max(len(value) if isinstance(value, (list, tuple)) else 1 for value in folders.values())
        shared = section.rest()
        parts = []
        for index in range(count):
            own = {key: value[index] if isinstance(value, (list, tuple)) else value for key, value in folders.items()}
            dataset, pipeline = migrate_data_set(
                {**shared, **own}, place=section.place, training=self.training, report=self.report
            )
            parts.append({**dataset, 'pipeline': self._noted(pipeline)})
        return parts[0] if count == 1 else {'type': 'ConcatDataset', 'datasets': parts}
