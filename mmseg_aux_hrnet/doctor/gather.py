"""Finds the images and labels of data sets, and missing files; it continues where training would stop."""

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
from mmseg_aux_hrnet.doctor.findings import Finding, about, printable
from mmseg_aux_hrnet.doctor.sources import UNDIVIDED, DataSource
from mmseg_aux_hrnet.errors import DataError, SplitError

LOSSY_SUFFIXES = ('.jpg', '.jpeg')

Index = dict[str, list[str]]


class TilePair(NamedTuple):
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
    source: DataSource
    labelled: bool


def relative(path: Path, root: Path) -> str:
    """Return ``path`` below ``root`` with ``/``, or as it is where it is elsewhere."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def gather(source: DataSource) -> tuple[list[TilePair], list[Finding]]:
    """Return the pairs of a data set and what is wrong with its lists and folders.

    Raises:
        DataError: mmseg's own data set cannot say its files.
    """
    dataset, findings = source.dataset, list[Finding]()
    if not isinstance(dataset, ListedDataset):
        try:  # a data set of mmseg or another package forms the names of its files itself
            records = dataset.load_data_list()
        except Exception as error:  # and it can fail in any way
            raise DataError(
                f'data set {type(dataset).__name__} of {source.split} does not find its files '
                f'({type(error).__name__}: {error}): check --data-root, see data/README.md'
            ) from error
        files = [(Path(one['img_path']), one.get('seg_map_path')) for one in records]
        named = ((image, None if label is None else Path(label), 0) for image, label in files)
        return _pair_named(source, named, findings), findings
    prefix = dataset.data_prefix
    if not source.listed and source.split == 'test' and not Path(prefix.get('seg_map_path') or '').is_dir():
        dataset.data_prefix = {**prefix, 'seg_map_path': None}  # tests need no labels: split.py lists such trees too
    entries = list(_entries(source, findings)) if source.listed else []
    if source.listed and dataset.ann_file.lower().endswith('.lst'):
        root = source.root
        named = ((root / entry.image, root / entry.label if entry.label else None, entry.line) for entry in entries)
        return _pair_named(source, named, findings), findings
    pairs = _pair_stems(source, entries, findings)
    if not source.listed and source.split != UNDIVIDED:
        folder = relative(Path(dataset.data_prefix['img_path']), source.root)
        what = f'no list, so all files of {folder} were examined'
        findings.append(Finding('note', 'no-list', source.split, what, 'python split.py DATA_ROOT writes the lists'))
    return pairs, findings


def _entries(source: DataSource, findings: list[Finding]) -> Iterator[SplitEntry]:
    """Yield the entries of a list; of a faulty list the readable ones, after a finding about its first fault."""
    path = Path(source.dataset.ann_file)
    try:
        yield from read_split(path)
        return
    except SplitError as error:
        findings.append(Finding('fault', 'list', source.split, str(error), 'correct the list, or write it again'))
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


def _pair_named(
    source: DataSource, named: Iterable[tuple[Path, Path | None, int]], findings: list[Finding]
) -> list[TilePair]:
    """Pair files that are named one by one: image, label and line of the list, 0 without a list."""
    pairs, no_image, no_label = [], [], []
    for image, label, line in named:
        where, name = f'line {line}: ' if line else '', relative(image, source.root)
        if not image.is_file():
            no_image.append(f'{where}{name}')
            continue
        labelled = label is not None
        if label is not None and not label.is_file():
            no_label.append(f'{where}{relative(label, source.root)}')
            label = None
        pairs.append(TilePair(source.split, name, image, label, source, labelled))
    findings += _missing(source, no_image, no_label)
    return pairs


def _pair_stems(source: DataSource, entries: Sequence[SplitEntry], findings: list[Finding]) -> list[TilePair]:
    """Pair files by their stems, those of a ``.txt`` list or, without one, all of the folder."""
    prefix = source.dataset.data_prefix
    image_dir, label_dir = Path(prefix.get('img_path') or source.root), prefix.get('seg_map_path')
    images = _index(image_dir, IMAGE_SUFFIXES, source, findings)
    labels = _index(Path(label_dir), LABEL_SUFFIXES, source, findings) if label_dir else {}
    if any(finding.key == 'folder' for finding in findings):
        return []  # each file would be missing
    if not source.listed:
        entries = [SplitEntry(stem, None, 0) for stem in images]
    called = {e.image: f'line {e.line}: {e.image}' if e.line else e.image for e in entries}
    for index, folder in ((images, image_dir), (labels, Path(label_dir or ''))):
        several = {stem: ' and '.join(names) for stem, names in index.items() if len(names) > 1}
        double = [f'{words} ({several[stem]})' for stem, words in called.items() if stem in several]
        what, advice = f'of several files in {folder}', 'keep one file of each stem'
        findings += about(double, what, noun='stem', level='fault', key='ambiguous', split=source.split, advice=advice)
    single = [entry for entry in entries if len(images.get(entry.image, ())) == 1]
    no_image = [called[entry.image] for entry in entries if entry.image not in images]
    no_label = [called[entry.image] for entry in single if label_dir and entry.image not in labels]
    # Test images of a tree may all be without labels; where some have one, the others lack it.
    labelled = bool(label_dir) and (source.listed or source.split != 'test' or len(no_label) < len(single))
    findings += _missing(source, no_image, no_label if labelled else [], label_dir=Path(label_dir or ''))
    pairs = []
    for entry in single:
        image = image_dir / images[entry.image][0]
        files = labels.get(entry.image, ())
        label = Path(label_dir or '') / files[0] if len(files) == 1 else None
        pairs.append(TilePair(source.split, relative(image, source.root), image, label, source, labelled))
    return pairs


def _index(folder: Path, suffixes: Sequence[str], source: DataSource, findings: list[Finding]) -> Index:
    try:
        index = index_by_stem(folder, suffixes)
    except SplitError as error:
        findings.append(Finding('fault', 'folder', source.split, str(error), 'make the folder or correct data_prefix'))
        return {}
    wrong = [stem for stem in index if printable(stem) != stem]
    what = f'in {folder} that is not Unicode, so a list cannot hold it'
    findings += about(
        map(printable, wrong), what, noun='file name', level='fault', key='name', split=source.split, advice='rename'
    )
    return {stem: names for stem, names in index.items() if stem not in wrong}


def _missing(
    source: DataSource, images: list[str], labels: list[str], *, label_dir: Path | None = None
) -> Iterator[Finding]:
    """Yield faults about files that are not there; ``label_dir`` is where labels are found by their stems."""
    split, advice = source.split, 'add the images, or write the list again with python split.py DATA_ROOT --force'
    yield from about(
        images, 'missing', noun='listed image', level='fault', key='image-missing', split=split, advice=advice
    )
    advice = 'add the labels, or take the images out of the list'
    if labels and label_dir and label_dir.is_dir() and index_by_stem(label_dir, LOSSY_SUFFIXES):
        advice = 'labels as JPEG are not read, because JPEG changes the classes: make PNG files from the originals'
    yield from about(labels, 'missing', noun='label', level='fault', key='label-missing', split=split, advice=advice)


def unlisted(pairs: Sequence[TilePair]) -> Iterator[Finding]:
    """Yield what lies in the folders of ``pairs`` beside them: images that no list names, labels without an image."""
    images, labels = {pair.image for pair in pairs}, {pair.label for pair in pairs if pair.label}
    image_files = list(_beside(images, IMAGE_SUFFIXES))
    label_files = list(_beside(labels, LABEL_SUFFIXES))
    all_labels = {*label_files, *labels}
    # A folder may hold images and labels, so that a file counts as what a pair takes it for.
    left = sorted(path.as_posix() for path in image_files if path not in images and path not in all_labels)
    advice = 'training does not see them; python split.py DATA_ROOT --force lists all of a tree'
    yield from about(left, 'in no list', level='note', key='unlisted', advice=advice)
    stems = {cut_suffix(path.name, IMAGE_SUFFIXES) for path in (*image_files, *images)}
    orphans = [path for path in label_files if path not in labels and path not in images]
    lost = sorted(path.as_posix() for path in orphans if cut_suffix(path.name, LABEL_SUFFIXES) not in stems)
    what, advice = 'without an image of that name', 'add the images, or remove the labels'
    yield from about(lost, what, noun='label', level='doubt', key='label-alone', advice=advice)


def _beside(files: Iterable[Path], suffixes: Sequence[str]) -> Iterator[Path]:
    for folder in sorted({path.parent for path in files}):
        for path in sorted(folder.iterdir()):
            named = path.suffix.lower() in suffixes and not path.name.startswith('.')
            if named and path.is_file() and printable(path.name) == path.name:
                yield path
