"""Tiles of any classes, as the ``dataset.json`` of their folder describes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmseg.registry import DATASETS

from mmseg_aux_hrnet.bands import RGB, bands_in
from mmseg_aux_hrnet.datasets.description import NAME, DataDescription, read_description
from mmseg_aux_hrnet.datasets.label_rules import LabelFormat
from mmseg_aux_hrnet.datasets.label_values import IGNORED, LabelValues
from mmseg_aux_hrnet.datasets.listed_dataset import ListedDataset
from mmseg_aux_hrnet.datasets.split_layouts import LAYOUTS
from mmseg_aux_hrnet.datasets.splits import SPLITS
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.files.names import portable


@DATASETS.register_module()
class TileDataset(ListedDataset):
    """Tiles whose classes, colours, class of interest, label values, bands and ground are those of ``dataset.json``.

    No class of Python is needed for other classes: the file is in the data root. ``tools/make_tiles.py`` writes it, and
    it can be written by hand. The metainfo of the data set, which checkpoints keep, holds what it says.

    Args:
        data_root: folder of the data set, with ``dataset.json``; None where only the classes are asked for.
        split: train, val or test, whose list and folders the layout names; the images of test may have no labels.
        ann_file: another list, in place of that of ``split``.
        data_prefix: other folders of a ``.txt`` list, see :class:`ListedDataset`.
        metainfo: its ``classes`` are those that the file must have, and its ``bands`` those that are read, where not
            all are; without a ``data_root`` it stands for the file.
        label_format: form of the label files.
        label_values: in place of those of the file, see :class:`ListedDataset`.
        **kwargs: as in :class:`ListedDataset`.

    Raises:
        DataError: there is no ``dataset.json``, or it is wrong.
        ConfigError: its classes are not those of ``metainfo``, or ``split`` is unknown or missing.
    """

    def __init__(
        self,
        *,
        data_root: str | None = None,
        split: str | None = None,
        ann_file: str = '',
        data_prefix: dict[str, str | None] | None = None,
        metainfo: Mapping[str, Any] | None = None,
        label_format: LabelFormat = 'index',
        label_values: LabelValues | None = None,
        **kwargs: Any,
    ) -> None:
        meta, layout = dict(metainfo or {}), LAYOUTS['singlegreen']
        stored: tuple[str, ...] = tuple(meta.get('bands') or RGB)
        root = None if data_root is None else Path(portable(data_root))
        if root is not None and root.is_dir():  # else the parent says that it is not there
            described = described_tiles(root, metainfo=meta)
            stored = read_description(root).bands
            meta, layout = metainfo_of(described), LAYOUTS[described.layout]
        if not ann_file:
            if split not in SPLITS:
                raise ConfigError(f'TileDataset with split={split!r}: give {", ".join(SPLITS)}, or ann_file')
            ann_file = f'{layout.lists}/{split}.{layout.form}'
            if data_prefix is None and root is not None and layout.form == 'txt':
                below = f'/{split}' if (root / layout.images / split).is_dir() else ''
                data_prefix = {'img_path': f'{layout.images}{below}', 'seg_map_path': f'{layout.labels}{below}'}
                if split == 'test' and not (root / f'{layout.labels}{below}').is_dir():
                    del data_prefix['seg_map_path']  # tests need no labels
        values = meta.pop('label_values', None)
        images: dict[str, Any] = {}
        if stored != RGB or not bands_in(meta).plain:  # else they are read as all files of colours are
            images = {'bands': meta.get('bands'), 'scale': meta.get('scale'), 'stored': stored}
        super().__init__(
            data_root=data_root,
            ann_file=ann_file,
            data_prefix=data_prefix,
            # The rest is added below: mmengine takes any text in it for the name of a file, and warns.
            metainfo={key: meta.pop(key) for key in ('classes', 'palette') if key in meta},
            label_format=label_format,
            label_values=values if label_values is None else label_values,
            **{**images, **kwargs},
        )
        scale = self.bands.scale and [list(pair) for pair in self.bands.scale]
        self._metainfo.update({**meta, 'bands': list(self.bands.names), 'scale': scale})


def described_tiles(root: Path, *, metainfo: Mapping[str, Any]) -> DataDescription:
    """Return what the ``dataset.json`` of a data root says.

    Args:
        root: the data root.
        metainfo: with the ``classes`` that it must have, and the ``bands`` that are asked for; may be empty.

    Raises:
        DataError: there is none, or it is wrong.
        ConfigError: it has other classes, or a band is not among its own.
    """
    described = read_description(root)
    names, wanted = described.classes.names, tuple(metainfo.get('classes') or ())
    if wanted and wanted != names:
        raise ConfigError(
            f'{root / NAME} has the classes {", ".join(names)}, but the config was filled in for '
            f'{", ".join(wanted)}: give the --data-root of that data, or train again with one of configs/tiles/*.py'
        )
    if not metainfo.get('bands'):
        return described
    try:
        return described.of_bands(metainfo['bands'])
    except ConfigError as error:
        raise ConfigError(f'{root / NAME}: {error}') from error


def metainfo_of(described: DataDescription) -> dict[str, Any]:
    """Return what a data set and the checkpoints made with it say of the tiles, in plain values."""
    classes, values = described.classes, described.label_values
    meta: dict[str, Any] = {
        **classes.meta(),
        'class_of_interest': classes.name_of_interest,
        'bands': list(described.bands),
        'dtype': described.dtype,
        'scale': None if described.scale is None else [list(pair) for pair in described.scale],
        'mean': list(described.mean),
        'std': list(described.std),
        'gsd': described.gsd,
    }
    if values is not None:
        meta['label_values'] = {value: IGNORED if index is None else index for value, index in values.items()}
    return meta
