"""Finds the images and labels of data sets, and what is missing; it goes on where training would stop."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mmseg_aux_hrnet.datasets.listed_dataset import ListedDataset
from mmseg_aux_hrnet.datasets.splits import (
    IMAGE_SUFFIXES,
    LABEL_SUFFIXES,
    SplitEntry,
    cut_suffix,
    index_by_stem,
    parse_line,
    read_split,
)
from mmseg_aux_hrnet.doctor.findings import Finding, counted, printable
from mmseg_aux_hrnet.doctor.sources import Source
from mmseg_aux_hrnet.errors import DataError, SplitError

LOSSY_SUFFIXES = ('.jpg', '.jpeg')

Index = dict[str, list[str]]


class Pair(NamedTuple):
    """An image and its label, with the data set that it belongs to.

    Attributes:
        split: name of the split.
        name: the image relative to its data root, with ``/``.
        image: the image.
        label: the label; None where there is none.
        source: the data set.
        labelled: whether it should have a label.
    """

    split: str
    name: str
    image: Path
    label: Path | None
    source: Source
    labelled: bool


class Gathered(NamedTuple):
    """The pairs of one data set and what is wrong with its lists and folders."""

    pairs: list[Pair]
    findings: list[Finding]


def gather(source: Source) -> Gathered:
    """Return the pairs of a data set.

    Raises:
        DataError: mmseg's own data set cannot say its files.
    """
    if not isinstance(source.dataset, ListedDataset):
        return _gather_stock(source)
    findings: list[Finding] = []
    _allow_unlabelled_test(source)
    entries = list(_entries(source, findings)) if source.listed else []
    if source.listed and source.dataset.ann_file.lower().endswith('.lst'):
        return _gather_paths(source, entries, findings)
    return _gather_stems(source, entries, findings)


def _allow_unlabelled_test(source: Source) -> None:
    """Take the label folder from the test images of a tree where it is not there, as ``split.py`` does."""
    labels = source.dataset.data_prefix.get('seg_map_path')
    if labels and not source.listed and source.split == 'test' and not Path(labels).is_dir():
        source.dataset.data_prefix = {**source.dataset.data_prefix, 'seg_map_path': None}


def _entries(source: Source, findings: list[Finding]) -> Iterator[SplitEntry]:
    """Yield the entries of a list; of a faulty one those that can be told, after a finding about its first fault."""
    path = Path(source.dataset.ann_file)
    try:
        yield from read_split(path)
        return
    except SplitError as error:
        findings.append(Finding('fault', 'list', source.split, str(error), 'correct the list, or write it anew'))
    try:
        lines = path.read_text(encoding='utf-8-sig').split('\n')
    except (OSError, UnicodeDecodeError):
        return
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        try:
            image, label = parse_line(line, form='lst' if path.suffix.lower() == '.lst' else 'txt')
        except ValueError:  # also a blank line
            continue
        if image not in seen:
            seen.add(image)
            yield SplitEntry(image, label, number)


def _gather_paths(source: Source, entries: Sequence[SplitEntry], findings: list[Finding]) -> Gathered:
    """Pair the files that a ``.lst`` list names."""
    root, pairs = source.root, []
    no_image, no_label = [], []
    for entry in entries:
        if not (root / entry.image).is_file():
            no_image.append(f'line {entry.line}: {entry.image}')
            continue
        label = None if entry.label is None else root / entry.label
        if label is not None and not label.is_file():
            no_label.append(f'line {entry.line}: {entry.label}')
            label = None
        pairs.append(Pair(source.split, entry.image, root / entry.image, label, source, entry.label is not None))
    findings += _missing(source, no_image, no_label)
    return Gathered(pairs, findings)


def _gather_stems(source: Source, entries: Sequence[SplitEntry], findings: list[Finding]) -> Gathered:
    """Pair files by their stems, those of a ``.txt`` list or, without one, all of the folder."""
    prefix = source.dataset.data_prefix
    image_dir, label_dir = Path(prefix.get('img_path') or source.root), prefix.get('seg_map_path')
    images = _index(image_dir, IMAGE_SUFFIXES, source, findings)
    labels = _index(Path(label_dir), LABEL_SUFFIXES, source, findings) if label_dir else {}
    if any(finding.key == 'folder' for finding in findings):
        return Gathered([], findings)  # each file would be missing
    if not source.listed:
        entries = [SplitEntry(stem, None, 0) for stem in images]
    findings += _ambiguous(source, entries, images, image_dir)
    findings += _ambiguous(source, entries, labels, Path(label_dir or ''))
    found = [entry for entry in entries if len(images.get(entry.image, ())) == 1]
    no_image = [_line(entry) for entry in entries if entry.image not in images]
    no_label = [_line(entry) for entry in found if label_dir and entry.image not in labels]
    labelled = bool(label_dir) and (source.listed or source.split != 'test' or len(no_label) < len(found))
    no_label = no_label if labelled else []  # test images of a tree may all be without labels
    findings += _missing(source, no_image, no_label, lossy=_lossy(Path(label_dir or ''), no_label))
    pairs = []
    for entry in found:
        image = image_dir / images[entry.image][0]
        files = labels.get(entry.image, ())
        label = Path(label_dir or '') / files[0] if len(files) == 1 else None
        pairs.append(Pair(source.split, relative(image, source.root), image, label, source, labelled))
    return Gathered(pairs, findings)


def _line(entry: SplitEntry) -> str:
    return f'line {entry.line}: {entry.image}' if entry.line else entry.image


def _index(folder: Path, suffixes: Sequence[str], source: Source, findings: list[Finding]) -> Index:
    try:
        index = index_by_stem(folder, suffixes)
    except SplitError as error:
        findings.append(Finding('fault', 'folder', source.split, str(error), 'make the folder or correct data_prefix'))
        return {}
    wrong = [stem for stem in index if printable(stem) != stem]
    if wrong:
        what = f'{counted(len(wrong), "file name")} in {folder} not Unicode, so that no list can hold it'
        findings.append(Finding('fault', 'name', source.split, what, 'rename', tuple(map(printable, wrong))))
    return {stem: names for stem, names in index.items() if stem not in wrong}


def _ambiguous(source: Source, entries: Iterable[SplitEntry], index: Index, folder: Path) -> list[Finding]:
    double = [f'{_line(e)} ({" and ".join(index[e.image])})' for e in entries if len(index.get(e.image, ())) > 1]
    if not double:
        return []
    what = f'{counted(len(double), "stem")} of several files in {folder}'
    return [Finding('fault', 'ambiguous', source.split, what, 'keep one file of each stem', tuple(double))]


def _lossy(folder: Path, missing: Sequence[str]) -> bool:
    """Tell whether the folder of labels has JPEG files, which are no labels: lossy compression changes classes."""
    return bool(missing) and folder.is_dir() and bool(index_by_stem(folder, LOSSY_SUFFIXES))


def _missing(source: Source, images: list[str], labels: list[str], *, lossy: bool = False) -> Iterator[Finding]:
    if images:
        advice = 'add the images, or write the list anew with python split.py DATA_ROOT --force'
        yield Finding(
            'fault',
            'image-missing',
            source.split,
            f'{counted(len(images), "listed image")} missing',
            advice,
            tuple(images),
        )
    if labels:
        advice = 'labels as JPEG are not read, for it changes classes: make PNG files from the originals'
        advice = advice if lossy else 'add the labels, or take the images out of the list'
        yield Finding(
            'fault', 'label-missing', source.split, f'{counted(len(labels), "label")} missing', advice, tuple(labels)
        )


def _gather_stock(source: Source) -> Gathered:
    """Return the pairs of a data set of mmseg or another package, which forms the names of its files itself."""
    try:
        records = source.dataset.load_data_list()
    except Exception as error:  # such a data set can fail in any way
        raise DataError(
            f'data set {type(source.dataset).__name__} of {source.split} does not find its files '
            f'({type(error).__name__}: {error}): check --data-root, see data/README.md'
        ) from error
    pairs, no_image, no_label = [], [], []
    for record in records:
        image, label = Path(record['img_path']), record.get('seg_map_path')
        labelled = label is not None
        name = relative(image, source.root)
        if not image.is_file():
            no_image.append(name)
            continue
        if label is not None and not Path(label).is_file():
            no_label.append(relative(Path(label), source.root))
            label = None
        pairs.append(Pair(source.split, name, image, None if label is None else Path(label), source, labelled))
    return Gathered(pairs, list(_missing(source, no_image, no_label)))


def relative(path: Path, root: Path) -> str:
    """Return ``path`` below ``root`` with ``/``, or as it is where it is elsewhere."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def unlisted(pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Yield what lies in the folders of ``pairs`` beside them: images that no list names, labels without an image."""
    images, labels = {pair.image for pair in pairs}, {pair.label for pair in pairs if pair.label}
    image_files = list(_beside(images, IMAGE_SUFFIXES))
    label_files = list(_beside(labels, LABEL_SUFFIXES))
    all_labels = {*label_files, *labels}
    left = sorted(str(path.as_posix()) for path in image_files if path not in images and path not in all_labels)
    if left:
        advice = 'training does not see them; python split.py DATA_ROOT --force lists all of a tree'
        yield Finding('note', 'unlisted', '', f'{counted(len(left), "image")} in no list', advice, tuple(left))
    stems = {cut_suffix(path.name, IMAGE_SUFFIXES) for path in (*image_files, *images)}
    orphans = [path for path in label_files if path not in labels and path not in images]
    lost = sorted(path.as_posix() for path in orphans if cut_suffix(path.name, LABEL_SUFFIXES) not in stems)
    if lost:
        what = f'{counted(len(lost), "label")} without an image of that name'
        yield Finding('doubt', 'label-alone', '', what, 'add the images, or remove the labels', tuple(lost))


def _beside(files: Iterable[Path], suffixes: Sequence[str]) -> Iterator[Path]:
    for folder in sorted({path.parent for path in files}):
        for path in sorted(folder.iterdir()):
            named = path.suffix.lower() in suffixes and not path.name.startswith('.')
            if named and path.is_file() and printable(path.name) == path.name:
                yield path
