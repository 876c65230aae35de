"""Writes a clean copy of a data set: images that fit, labels as palette PNG of class indices, new lists."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mmseg_aux_hrnet.datasets.description import read_description, write_description
from mmseg_aux_hrnet.datasets.georeference import side_files
from mmseg_aux_hrnet.datasets.listed_dataset import ListedDataset
from mmseg_aux_hrnet.datasets.split_layouts import format_line
from mmseg_aux_hrnet.datasets.splits import LABEL_SUFFIXES, SPLITS, cut_suffix, write_split
from mmseg_aux_hrnet.datasets.tile_dataset import TileDataset
from mmseg_aux_hrnet.doctor.checks import exact_duplicates
from mmseg_aux_hrnet.doctor.checkup import Checkup
from mmseg_aux_hrnet.doctor.examine import ExaminedTile
from mmseg_aux_hrnet.doctor.findings import Finding
from mmseg_aux_hrnet.doctor.gather import TilePair, relative
from mmseg_aux_hrnet.doctor.labels import read_by_first
from mmseg_aux_hrnet.doctor.sources import UNDIVIDED, DataSource
from mmseg_aux_hrnet.errors import ConfigError, DataError, OutputExistsError, counted
from mmseg_aux_hrnet.files.label_png import write_label_png
from mmseg_aux_hrnet.files.whole import whole_folder

LEFT_OUT = 'left_out.txt'
ORDER = (UNDIVIDED, *SPLITS)  # an image that is in several splits stays in the last of them


def check_out(out: Path, sources: Sequence[DataSource]) -> None:
    """Raise unless a copy of the data sets can go to ``out``.

    Raises:
        OutputExistsError: it exists.
        ConfigError: it lies inside the data, a data set is not of this package, or there are several roots.
    """
    if out.exists() or out.is_symlink():  # an empty folder too: it is renamed into place, as a whole
        raise OutputExistsError(f'--fix {out} exists: name a new folder, or remove it')
    roots = {source.root.resolve() for source in sources}
    foreign = [source for source in sources if not isinstance(source.dataset, ListedDataset)]
    if foreign:
        raise ConfigError(f'--fix copies data sets of this package, not {type(foreign[0].dataset).__name__}')
    if len(roots) != 1:
        raise ConfigError(f'--fix copies one data root, not {len(roots)}: {", ".join(map(str, sorted(roots)))}')
    root = roots.pop()
    if out.resolve().is_relative_to(root):
        raise ConfigError(f'--fix {out} lies inside the data root {root}: name a folder elsewhere')


def write_copy(out: Path, checkup: Checkup, *, on_tile: Callable[[int, int], None]) -> str:
    """Write the copy, whole or not at all, and return a line about it; nothing of the data root is touched.

    Left out are tiles that cannot be read, lack their label or differ from it in size or place, and of images that are
    in several splits all but those of the last split. Files beside an image that give it a place or a mask go with it.

    Args:
        out: a folder that does not exist.
        checkup: the examined data.
        on_tile: called after each tile with the number of tiles done and of all tiles.

    Raises:
        ConfigError: labels are masks of 0 and 255 but are read as indices, or files lie outside of the data root.
        DataError: nothing is left, or the copy cannot be written.
    """
    for finding in checkup.findings:
        if finding.key == 'masks' and finding.level == 'fault':  # the copy would have no foreground, for ever
            raise ConfigError(f'--fix: {finding.split}: {finding.what}; say so with --label-format binary')
    left_out = {id(tile): reason for tile, reason in _unfit(checkup.tiles)}
    kept = [tile for tile in checkup.tiles if id(tile) not in left_out]
    if not kept:
        raise DataError(f'--fix {out}: no image is left to copy; see the faults above')
    lines = [(tile.pair.name, left_out[id(tile)]) for tile in checkup.tiles if id(tile) in left_out]
    lines += _never_paired(checkup.findings)
    text = ''.join(f'{name}\t{reason}\n' for name, reason in lines)
    try:
        with whole_folder(out) as part:
            _write_tiles(part, kept, on_tile)
            _write_lists(part, kept)
            (part / LEFT_OUT).write_text(text, encoding='utf-8', newline='\n')
            source = kept[0].pair.source
            if isinstance(source.dataset, TileDataset):  # its counts of pixels are those of the tiles before
                described = read_description(source.root)
                write_description(part, replace(described, label_values=None, record={}))
    except OSError as error:
        reason = f'{error.strerror or error} ({error.filename})'
        raise DataError(f'--fix {out} cannot be written: {reason}; choose another folder') from error
    where = f', see {out / LEFT_OUT}' if lines else ''
    return f'clean copy: {out}, {counted(len(kept), "image")}; {len(lines)} left out{where}{_needs(kept)}'


def _needs(tiles: Sequence[ExaminedTile]) -> str:
    """Return what a config must say of the labels of the copy; empty where it reads the copy as it is."""
    datasets = [tile.pair.source.dataset for tile in tiles]
    if any(one.label_values is not None and not isinstance(one, TileDataset) for one in datasets):
        return '; the values of its labels are the classes: leave label_values out'
    formats = {one.label_format for one in datasets}
    return '' if formats <= {'index', 'palette'} else "; its labels need label_format='palette'"


def _never_paired(findings: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """Yield what is not a tile and so not in the copy: lines of lists and files without a pair, with the reason."""
    for finding in findings:
        if finding.key in ('image-missing', 'ambiguous', 'name'):
            yield from ((name, finding.what) for name in finding.files)
        elif finding.key in ('list', 'folder'):
            yield finding.split, finding.what


def _unfit(tiles: Sequence[ExaminedTile]) -> Iterator[tuple[ExaminedTile, str]]:
    """Yield the tiles that training would refuse, and those whose image is in a later split too, with the reason."""
    fit = []
    for tile in tiles:
        if tile.image_error or tile.label_error:
            yield tile, tile.image_error or tile.label_error
        elif tile.pair.labelled and tile.pair.label is None:
            yield tile, 'its label is missing'
        elif not tile.same_size or tile.place_error:
            yield tile, tile.place_error or 'its label is of another size'
        else:
            fit.append(tile)
    for group in exact_duplicates(fit):  # an image that is left out of the last split anyway stays in the others
        last = max(group, key=lambda tile: ORDER.index(tile.pair.split))
        for tile in group:
            if ORDER.index(tile.pair.split) < ORDER.index(last.pair.split):
                yield tile, f'the same image is in {last.pair.split}: {last.pair.name}'


def _write_tiles(out: Path, tiles: Sequence[ExaminedTile], on_tile: Callable[[int, int], None]) -> None:
    for done, tile in enumerate(tiles, start=1):
        pair = tile.pair
        image = out / _below(pair.image, pair.source.root)
        image.parent.mkdir(parents=True, exist_ok=True)
        for file in (pair.image, *map(Path, side_files(pair.image))):
            shutil.copyfile(file, image.with_name(file.name))
        if pair.label is not None:
            label = out / _below(pair.label, pair.source.root, suffix='.png')
            if label.exists():
                raise DataError(
                    f'--fix: {label} would be image and label at the same time: keep them in separate folders'
                )
            rule = pair.source.rules[0]
            write_label_png(label, read_by_first(pair.label, pair.source.rules, turn=tile.turn)[0], rule.palette)
        on_tile(done, len(tiles))


def _below(path: Path, root: Path, *, suffix: str = '') -> str:
    """Return the name of a file in the copy, relative to its root; a label's gets ``suffix`` there."""
    name = relative(path, root)
    if Path(name).is_absolute() or '..' in Path(name).parts:
        raise ConfigError(f'--fix: {path} lies outside of the data root {root}: move it there')
    return f'{cut_suffix(name, LABEL_SUFFIXES)}{suffix}' if suffix else name


def _write_lists(out: Path, tiles: Sequence[ExaminedTile]) -> None:
    """Write the lists of all splits that still have tiles, under the names and in the forms that they have."""
    by_list: dict[str, list[TilePair]] = {}
    for tile in tiles:
        source = tile.pair.source
        if source.split != UNDIVIDED:
            by_list.setdefault(_below(Path(source.dataset.ann_file), source.root), []).append(tile.pair)
    for name, pairs in by_list.items():
        lines = []
        for pair in pairs:
            if name.lower().endswith('.lst'):
                label = _below(pair.label, pair.source.root, suffix='.png') if pair.label else None
                lines.append(format_line(pair.name, label, form='lst'))
            else:
                folder = Path(pair.source.dataset.data_prefix.get('img_path') or pair.source.root)
                lines.append(format_line(relative(pair.image, folder), form='txt'))
        write_split(out / name, lines)
