"""The whole examination: gather, examine tile by tile, add up, judge."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from mmseg_aux_hrnet.doctor.examine import Tile, examine
from mmseg_aux_hrnet.doctor.findings import Finding, by_weight
from mmseg_aux_hrnet.doctor.gather import Pair, gather, relative, unlisted
from mmseg_aux_hrnet.doctor.judge import judge_classes, judge_split
from mmseg_aux_hrnet.doctor.relations import judge_relations
from mmseg_aux_hrnet.doctor.sources import Source, refusals
from mmseg_aux_hrnet.doctor.summary import Summary, summarise
from mmseg_aux_hrnet.errors import ConfigError, DataError

EXPLAINING = {'list', 'folder', 'ambiguous', 'image-missing', 'label-missing', 'label', 'label-mix', 'masks'}


class Checkup(NamedTuple):
    """What was examined and found.

    Attributes:
        classes: names of the classes.
        palette: RGB colour of each class.
        tiles: every tile, in the order of the splits and lists.
        summaries: totals of every split.
        findings: faults first.
    """

    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    tiles: list[Tile]
    summaries: list[Summary]
    findings: list[Finding]

    @property
    def faults(self) -> int:
        """Number of findings that are faults."""
        return sum(finding.level == 'fault' for finding in self.findings)


def check(sources: Sequence[Source], *, workers: int, on_tile: Callable[[int, int], None]) -> Checkup:
    """Examine data sets.

    Args:
        sources: the data sets, of one kind of classes.
        workers: threads that read files.
        on_tile: called after each tile with the number of tiles done and of all tiles.

    Raises:
        ConfigError: the data sets have different classes, or ``workers`` is below 1.
        DataError: there is no image in any of them.
    """
    if workers < 1:
        raise ConfigError(f'--workers {workers}: give a count from 1 up')
    classes, palette = _classes(sources)
    findings: list[Finding] = []
    pairs = [pair for source in sources for pair in _pairs(source, findings)]
    if not pairs:
        roots = ', '.join(sorted({str(source.root) for source in sources}))
        raise DataError(f'no image of any list or folder is there below {roots}: check the path, see data/README.md')
    findings += unlisted(pairs)
    pairs = _without_repeated_splits(pairs, findings)
    tiles = _examine_all(pairs, workers=workers, on_tile=on_tile)
    by_split = {split: [tile for tile in tiles if tile.pair.split == split] for split in _splits(pairs)}
    summaries = [summarise(split, part, num_classes=len(classes)) for split, part in by_split.items()]
    for split, part in by_split.items():
        findings += judge_split(split, part)
    findings += judge_classes(summaries, classes)
    findings += judge_relations(tiles)
    findings += _refused(sources, findings)
    return Checkup(classes, palette, tiles, summaries, by_weight(findings))


def _classes(sources: Sequence[Source]) -> tuple[tuple[str, ...], tuple[tuple[int, int, int], ...]]:
    metas = [source.dataset.metainfo for source in sources]
    named = {tuple(meta['classes']) for meta in metas}
    if len(named) != 1:
        raise ConfigError(f'the splits have {len(named)} different lists of classes: give each the same metainfo')
    return named.pop(), tuple((int(r), int(g), int(b)) for r, g, b in metas[0]['palette'])


def _pairs(source: Source, findings: list[Finding]) -> list[Pair]:
    gathered = gather(source)
    findings += gathered.findings
    if not source.listed and source.split != 'all':
        folder = relative(Path(source.dataset.data_prefix['img_path']), source.root)
        what = f'no list, so all files of {folder} were examined'
        findings.append(Finding('note', 'no-list', source.split, what, 'python split.py DATA_ROOT writes the lists'))
    return gathered.pairs


def _splits(pairs: Sequence[Pair]) -> list[str]:
    return list(dict.fromkeys(pair.split for pair in pairs))


def _without_repeated_splits(pairs: Sequence[Pair], findings: list[Finding]) -> list[Pair]:
    """Leave out a split with the same files as the one before it, as where validation data serve for testing."""
    files = {split: {pair.image for pair in pairs if pair.split == split} for split in _splits(pairs)}
    if 'val' in files and files['val'] == files.get('test'):
        findings.append(Finding('note', 'same-split', 'test', 'test has the same images as val'))
        return [pair for pair in pairs if pair.split != 'test']
    return list(pairs)


def _examine_all(pairs: Sequence[Pair], *, workers: int, on_tile: Callable[[int, int], None]) -> list[Tile]:
    """Examine tiles in threads: decoding and counting run outside of the interpreter's lock."""
    Image.init()  # loads the readers of all formats, which threads must not do at once
    tiles = []
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        for done, tile in enumerate(pool.map(examine, pairs), start=1):
            tiles.append(tile)
            on_tile(done, len(pairs))
    finally:
        pool.shutdown(cancel_futures=True)
    return tiles


def _refused(sources: Sequence[Source], findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield what training says when it builds the data sets, where no finding explains it."""
    explained = {finding.split for finding in findings if finding.key in EXPLAINING and finding.level == 'fault'}
    for source, reason in refusals(sources):
        if source.split not in explained:
            yield Finding('fault', 'refused', source.split, f'training refuses: {reason}')
