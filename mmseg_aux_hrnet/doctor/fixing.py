"""Writes a clean copy of a data set: what can be read and fits, labels as palette PNG of class indices, lists anew."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mmseg_aux_hrnet.datasets.listed_dataset import ListedDataset
from mmseg_aux_hrnet.datasets.split_layouts import format_line
from mmseg_aux_hrnet.datasets.splits import LABEL_SUFFIXES, SPLITS, cut_suffix, write_split
from mmseg_aux_hrnet.doctor.checkup import Checkup
from mmseg_aux_hrnet.doctor.examine import Tile
from mmseg_aux_hrnet.doctor.findings import Finding
from mmseg_aux_hrnet.doctor.gather import Pair, relative
from mmseg_aux_hrnet.doctor.labels import read_by_first
from mmseg_aux_hrnet.doctor.relations import exact_duplicates
from mmseg_aux_hrnet.doctor.sources import UNDIVIDED, Source
from mmseg_aux_hrnet.errors import ConfigError, DataError, OutputExistsError
from mmseg_aux_hrnet.files.label_png import write_label_png
from mmseg_aux_hrnet.files.whole import whole_folder

LEFT_OUT = 'left_out.txt'


def check_out(out: Path, sources: Sequence[Source]) -> None:
    """Raise unless a copy of the data sets can go to ``out``.

    Raises:
        ConfigError: it exists or lies inside the data, the data set is not of this package, or there are several roots.
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

    Left out are tiles that cannot be read, lack their label or differ from it in size, and of images that are in
    several splits all but those of the last split.

    Args:
        out: a folder that does not exist.
        checkup: the examined data.
        on_tile: called after each tile with the number of tiles done and of all tiles.

    Raises:
        ConfigError: labels are masks of 0 and 255 but are read as indices, or files lie outside of the data root.
        DataError: nothing is left, or the copy cannot be written.
    """
    _refuse_masks(checkup.findings)
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
    except OSError as error:
        reason = f'{error.strerror or error} ({error.filename})'
        raise DataError(f'--fix {out} cannot be written: {reason}; choose another folder') from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return f'clean copy: {out}, {len(kept)} images; {len(lines)} left out{_where(out, lines)}{_format_hint(kept)}'


def _where(out: Path, lines: Sequence[tuple[str, str]]) -> str:
    return f', see {out / LEFT_OUT}' if lines else ''


def _format_hint(tiles: Sequence[Tile]) -> str:
    """Return what a config must say to read the copy, where it says something else."""
    formats = {tile.pair.source.dataset.label_format for tile in tiles}
    return '' if formats <= {'index', 'palette'} else "; its labels need label_format='palette'"


def _refuse_masks(findings: Sequence[Finding]) -> None:
    for finding in findings:
        if finding.key == 'masks' and finding.level == 'fault':
            raise ConfigError(f'--fix: {finding.split}: {finding.what}; say what they are, --label-format binary')


def _never_paired(findings: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """Yield what is no tile and so not in the copy: lines of lists and files without a pair, with the reason."""
    for finding in findings:
        if finding.key in ('image-missing', 'ambiguous', 'name'):
            yield from ((name, finding.what) for name in finding.files)
        elif finding.key in ('list', 'folder'):
            yield finding.split, finding.what


def _unfit(tiles: Sequence[Tile]) -> Iterator[tuple[Tile, str]]:
    """Yield the tiles that training would refuse, and those whose image is in a later split too, with the reason."""
    for tile in tiles:
        if tile.image_error or tile.label_error:
            yield tile, tile.image_error or tile.label_error
        elif tile.pair.labelled and tile.pair.label is None:
            yield tile, 'its label is missing'
        elif not tile.same_size:
            yield tile, 'its label is of another size'
    fit = [tile for tile in tiles if not tile.image_error and not tile.label_error and tile.same_size]
    for group in exact_duplicates(fit):
        last = max(group, key=_rank)
        for tile in group:
            if _rank(tile) < _rank(last):
                yield tile, f'the same image is in {last.pair.split}: {last.pair.name}'


def _rank(tile: Tile) -> int:
    return SPLITS.index(tile.pair.split) if tile.pair.split in SPLITS else -1


def _write_tiles(out: Path, tiles: Sequence[Tile], on_tile: Callable[[int, int], None]) -> None:
    for done, tile in enumerate(tiles, start=1):
        pair = tile.pair
        image = out / _below(pair.image, pair.source.root)
        image.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pair.image, image)
        if pair.label is not None:
            label = out / label_name(pair, pair.label)
            label.parent.mkdir(parents=True, exist_ok=True)
            if label.exists():
                raise DataError(f'--fix: {label} would be image and label at once: keep them in folders of their own')
            rule = pair.source.rules[0]
            write_label_png(label, read_by_first(pair.label, pair.source.rules).classes, rule.palette)
        on_tile(done, len(tiles))


def _below(path: Path, root: Path) -> str:
    name = relative(path, root)
    if Path(name).is_absolute() or '..' in Path(name).parts:
        raise ConfigError(f'--fix: {path} lies outside of the data root {root}: move it there')
    return name


def label_name(pair: Pair, label: Path) -> str:
    """Return the name of a label in the copy, relative to its root."""
    return f'{cut_suffix(_below(label, pair.source.root), LABEL_SUFFIXES)}.png'


def _write_lists(out: Path, tiles: Sequence[Tile]) -> None:
    """Write the lists of all splits that still have tiles, under the names and in the forms that they have."""
    by_list: dict[str, list[Pair]] = {}
    for tile in tiles:
        source = tile.pair.source
        if source.split != UNDIVIDED:
            by_list.setdefault(_below(Path(source.dataset.ann_file), source.root), []).append(tile.pair)
    for name, pairs in by_list.items():
        write_split(out / name, [_line(pair, lst=name.lower().endswith('.lst')) for pair in pairs])


def _line(pair: Pair, *, lst: bool) -> str:
    if lst:
        return format_line(pair.name, label_name(pair, pair.label) if pair.label else None, form='lst')
    folder = Path(pair.source.dataset.data_prefix.get('img_path') or pair.source.root)
    return format_line(relative(pair.image, folder), form='txt')
