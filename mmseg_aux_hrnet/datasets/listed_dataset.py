"""A data set that is described by a split list and read strictly."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from mmseg_aux_hrnet.bands import Bands, make_bands
from mmseg_aux_hrnet.datasets.cache import CACHE_GB
from mmseg_aux_hrnet.datasets.label_rules import LabelFormat, LabelRule, label_rule
from mmseg_aux_hrnet.datasets.label_values import LabelValues
from mmseg_aux_hrnet.datasets.splits import IMAGE_SUFFIXES, LABEL_SUFFIXES, SplitEntry, index_by_stem, read_split
from mmseg_aux_hrnet.datasets.tiles import refuse_masks_as_index
from mmseg_aux_hrnet.errors import ConfigError, DataError, SplitError
from mmseg_aux_hrnet.files.names import portable

LISTED_FAULTS = 3  # a list with the wrong root has thousands; the first ones tell what is wrong
DONOR_KEY = 'donor'  # in a sample's record: the record of a second tile, for a transform that needs one
STRICT_LOADERS = {'LoadImageFromFile': 'LoadTile', 'LoadAnnotations': 'LoadLabel'}


@DATASETS.register_module()
class ListedDataset(BaseSegDataset):
    """Images and labels that a split list names.

    A ``.txt`` list holds one file stem a line, looked up below ``data_prefix``; a ``.lst`` list holds
    ``IMAGE LABEL`` or ``IMAGE`` paths relative to ``data_root``. Without a label prefix, and with an image-only list,
    samples carry no label.

    mmseg's ``LoadImageFromFile`` and ``LoadAnnotations`` in the pipeline are replaced by the strict ``LoadTile`` and
    ``LoadLabel``, so that the data set's label rule holds in every config and mmseg's inference functions, which look
    for the stock names, keep working.

    The paths may be written with the separators of Windows, on any system.

    Args:
        ann_file: the split list, relative to ``data_root``.
        data_root: folder of the data set.
        data_prefix: folders of a ``.txt`` list relative to ``data_root``: ``img_path``, and ``seg_map_path`` where
            there are labels.
        label_format: how label files are decoded, see :class:`~mmseg_aux_hrnet.datasets.label_rules.LabelRule`.
        label_values: the class of each value of the label files where values are not the classes, such as
            ``{0: 'ignore', 1: 0, 2: 1}``; for ``index`` labels. Another value is an error, and the metainfo holds it.
        img_suffix: what follows the stem of a ``.txt`` list in the name of an image; where None, any known ending.
        seg_map_suffix: the same for labels, such as ``_label.png``.
        pipeline: transforms, as in mmseg.
        bands: names of the bands that images are loaded in, see
            :class:`~mmseg_aux_hrnet.datasets.transforms.LoadTile`, unless the loader of the pipeline says them; they
            are in ``metainfo``, and so in checkpoints. None for red, green and blue.
        scale: for each band the stored values (low, high) that become 0 and 255.
        stored: names of all bands of the files in their order, for files that do not name them.
        cache_dir: folder that keeps decoded images and labels for the next epoch and the next run, see
            :class:`~mmseg_aux_hrnet.datasets.cache.TileCache`; None decodes each time.
        cache_gb: room for everything in that folder, in GiB.
        **kwargs: as in mmseg's ``BaseSegDataset``, without ``reduce_zero_label``.

    Raises:
        DataError: the data root or a prefix folder does not exist.
        LabelError: labels in which 255 means ignored are masks of 0 and 255.
        SplitError: the list is missing, empty or names a file that is missing or ambiguous.
        ConfigError: ``label_format`` is unknown, ``label_values`` do not go with it or name what is not a class, bands
            or their rule are none, or ``reduce_zero_label`` is set.
    """

    def __init__(
        self,
        *,
        ann_file: str,
        label_format: LabelFormat,
        data_root: str | None = None,
        data_prefix: dict[str, str | None] | None = None,
        label_values: LabelValues | None = None,
        img_suffix: str | None = None,
        seg_map_suffix: str | None = None,
        pipeline: Sequence[Any] = (),
        bands: Sequence[str] | None = None,
        scale: Sequence[Any] | None = None,
        stored: Sequence[str] | None = None,
        metainfo: dict[str, Any] | None = None,
        cache_dir: str | None = None,
        cache_gb: float = CACHE_GB,
        **kwargs: Any,
    ) -> None:
        if kwargs.get('reduce_zero_label'):
            raise ConfigError('reduce_zero_label would ignore class 0: leave it out, class 0 is the background here')
        data_root = None if data_root is None else portable(data_root)
        if data_root is not None and not Path(data_root).is_dir():
            raise DataError(f'data root {data_root} is not a folder: set it with --data-root DIR, see data/README.md')
        self.label_format = label_format
        self.label_values = label_values
        self._suffixes = {'img_path': img_suffix, 'seg_map_path': seg_map_suffix}
        # An empty prefix says that there is none; mmseg would join it to the data root.
        prefix = {name: portable(folder) for name, folder in (data_prefix or {}).items() if folder}
        cache = {} if cache_dir is None else {'cache_dir': portable(cache_dir), 'cache_gb': cache_gb}
        told = {'bands': bands, 'scale': scale, 'stored': stored}
        images = {key: value for key, value in told.items() if value is not None}
        steps = strict_pipeline(pipeline, loader={**cache, **images}, labels=cache)
        self.bands = loaded_bands(steps, make_bands(bands, scale))
        self.stored = None if stored is None else tuple(stored)
        super().__init__(
            ann_file=portable(ann_file),
            data_root=data_root,
            data_prefix=prefix,
            pipeline=steps,
            metainfo={**(metainfo or {}), **self.bands.meta()},
            **kwargs,
        )

    @property
    def metainfo(self) -> dict[str, Any]:
        """Description of the data, which checkpoints keep: classes, colours, and what the values of labels mean."""
        said = {} if self.label_values is None else {'label_values': dict(self.label_values)}
        return {**super().metainfo, **said}

    @property
    def label_rule(self) -> LabelRule:
        """The rule that label files are decoded by; its classes are those of the files, before any renumbering."""
        palette = self.metainfo['palette'] if self.label_map is None else self.METAINFO['palette']
        return label_rule(self.label_format, palette, ignore_index=self.ignore_index, label_values=self.label_values)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Return one record an image, in the order of the list."""
        entries = read_split(self.ann_file)
        paths: list[tuple[str, str | None]]
        if self.ann_file.lower().endswith('.lst'):
            paths = self._listed_paths(entries)
        else:
            images = self._find(entries, 'img_path', IMAGE_SUFFIXES)
            labelled = bool(self.data_prefix.get('seg_map_path'))
            labels = self._find(entries, 'seg_map_path', LABEL_SUFFIXES) if labelled else [None] * len(images)
            paths = list(zip(images, labels, strict=True))
        rule = self.label_rule
        if rule.label_format in ('index', 'palette'):
            refuse_masks_as_index([label for _, label in paths if label is not None], rule)
        return [
            {
                'img_path': image,
                **({} if label is None else {'seg_map_path': label}),
                'label_map': self.label_map,
                'label_rule': rule,
                'reduce_zero_label': False,
                'seg_fields': [],
            }
            for image, label in paths
        ]

    def prepare_data(self, idx: int) -> Any:
        """Return the sample through the pipeline; a pipeline with ``CopyPaste`` gets a second tile, drawn at random."""
        if not any(getattr(step, 'needs_donor', False) for step in self.pipeline.transforms):
            return super().prepare_data(idx)
        other = self.get_data_info(np.random.randint(len(self)))
        return self.pipeline({**self.get_data_info(idx), DONOR_KEY: other})

    @property
    def has_labels(self) -> bool:
        """Whether the samples carry labels."""
        return len(self) > 0 and 'seg_map_path' in self.get_data_info(0)

    def _listed_paths(self, entries: list[SplitEntry]) -> list[tuple[str, str | None]]:
        """Return image and label of each line of a ``.lst`` list; every file of it must be there."""
        root = Path(self.data_root or '')
        faults = [
            f'line {entry.line}: {root / name}'
            for entry in entries
            for name in (entry.image, entry.label)
            if name is not None and not (root / name).is_file()
        ]
        self._raise_faults(faults, 'missing files')
        return [
            (str(root / entry.image), None if entry.label is None else str(root / entry.label)) for entry in entries
        ]

    def _find(self, entries: list[SplitEntry], prefix: str, suffixes: tuple[str, ...]) -> list[str]:
        """Return the file of each stem of a ``.txt`` list, below the folder of the prefix."""
        root = Path(self.data_prefix.get(prefix) or self.data_root or '')
        if not root.is_dir():
            raise DataError(f'{root} is not a folder: {self.ann_file} looks there for its files; check --data-root')
        suffix = self._suffixes[prefix]
        if suffix is not None:
            names = [f'{entry.image}{suffix}' for entry in entries]
            missing = [f'line {e.line}: {n}' for e, n in zip(entries, names, strict=True) if not (root / n).is_file()]
            self._raise_faults(missing, f'missing files in {root}:')
            return [str(root / name) for name in names]
        index = index_by_stem(root, suffixes)
        # A stem may hold spaces, but most that do are pairs of a .lst list.
        hint = ' (IMAGE LABEL pairs belong in a .lst list)'
        missing = [
            f'line {e.line}: {e.image}{hint if len(e.image.split()) > 1 else ""}'
            for e in entries
            if e.image not in index
        ]
        self._raise_faults(missing, f'no {"/".join(s[1:] for s in suffixes)} in {root} for')
        double = [f'line {e.line}: {" and ".join(index[e.image])}' for e in entries if len(index[e.image]) > 1]
        self._raise_faults(double, f'several files of one stem in {root}')
        return [str(root / index[entry.image][0]) for entry in entries]

    def _raise_faults(self, faults: list[str], what: str) -> None:
        if faults:
            more = f' and {len(faults) - LISTED_FAULTS} more' if len(faults) > LISTED_FAULTS else ''
            raise SplitError(f'{self.ann_file}: {what} {"; ".join(faults[:LISTED_FAULTS])}{more}')


def strict_pipeline(
    pipeline: Any, *, loader: Mapping[str, Any] | None = None, labels: Mapping[str, Any] | None = None
) -> Any:
    """Return ``pipeline``, a list or one transform, with mmseg's loaders replaced by the strict ones, nested ones too.

    Args:
        pipeline: transforms, as in mmseg.
        loader: settings for each loader of images that does not have its own.
        labels: the same for loaders of labels.
    """
    if isinstance(pipeline, (list, tuple)):
        return [strict_pipeline(part, loader=loader, labels=labels) for part in pipeline]
    if not isinstance(pipeline, dict):  # a transform that was built already
        return pipeline
    strict = dict(pipeline)
    strict['type'] = STRICT_LOADERS.get(strict['type'], strict['type'])
    if strict['type'] in STRICT_LOADERS.values():
        strict = {**((loader if strict['type'] == 'LoadTile' else labels) or {}), **strict}
    if 'transforms' in strict:
        strict['transforms'] = strict_pipeline(strict['transforms'], loader=loader, labels=labels)
    return strict


def loaded_bands(steps: Sequence[Any], default: Bands) -> Bands:
    """Return the bands that the first loader of a strict pipeline gives; ``default`` without one."""
    for step in steps:
        if isinstance(step, Mapping) and step['type'] == 'LoadTile':
            return make_bands(step.get('bands'), step.get('scale'))
        if getattr(step, 'bands', None) is not None:  # a LoadTile that was built already
            return step.bands  # type: ignore[no-any-return]
    return default
