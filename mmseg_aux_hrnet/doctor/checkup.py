"""The whole examination: gather files, examine tile by tile, add up, check."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from PIL import Image

from mmseg_aux_hrnet.classes import Classes, class_set
from mmseg_aux_hrnet.doctor.checks import OF_ALL_TILES, OF_SPLIT, OF_TOTALS
from mmseg_aux_hrnet.doctor.examine import ExaminedTile, examine
from mmseg_aux_hrnet.doctor.findings import LEVELS, Finding
from mmseg_aux_hrnet.doctor.gather import TilePair, gather, unlisted
from mmseg_aux_hrnet.doctor.sources import DataSource, refusals
from mmseg_aux_hrnet.doctor.summary import Summary, summarise
from mmseg_aux_hrnet.errors import ConfigError, DataError

# Findings that say already why training refuses the data set of their split.
EXPLAINING = {'list', 'folder', 'ambiguous', 'image-missing', 'label-missing', 'label', 'label-mix', 'masks'}


class Checkup(NamedTuple):
    """What was examined and found.

    Attributes:
        classes: what all splits are labelled with.
        tiles: every tile, in the order of the splits and lists.
        summaries: totals of every split.
        findings: faults first.
    """

    classes: Classes
    tiles: list[ExaminedTile]
    summaries: list[Summary]
    findings: list[Finding]

    @property
    def faults(self) -> int:
        """Number of findings that are faults."""
        return sum(finding.level == 'fault' for finding in self.findings)


def check(sources: Sequence[DataSource], *, workers: int, on_tile: Callable[[int, int], None]) -> Checkup:
    """Examine data sets.

    Args:
        sources: the data sets, of one kind of classes.
        workers: threads that read files.
        on_tile: called after each tile with the number of tiles done and of all tiles.

    Raises:
        ConfigError: the data sets have different classes, or faulty ones, or ``workers`` is below 1.
        DataError: there is no image in any of them.
    """
    if workers < 1:
        raise ConfigError(f'--workers {workers}: give a number from 1 up')
    metas = [source.dataset.metainfo for source in sources]
    different = {tuple(meta['classes']) for meta in metas}
    if len(different) != 1:
        raise ConfigError(f'the splits have {len(different)} different lists of classes: give each the same metainfo')
    classes = class_set(metas[0])
    pairs, findings = _gather_all(sources)
    tiles = _examine_all(pairs, workers=workers, on_tile=on_tile)
    by_split: dict[str, list[ExaminedTile]] = {}
    for tile in tiles:
        by_split.setdefault(tile.pair.split, []).append(tile)
    summaries = [summarise(split, part, num_classes=len(classes.names)) for split, part in by_split.items()]
    for split, part in by_split.items():
        for of_split in OF_SPLIT:
            findings += of_split(split, part)
    for of_totals in OF_TOTALS:
        findings += of_totals(summaries, classes.names)
    for of_all_tiles in OF_ALL_TILES:
        findings += of_all_tiles(tiles)
    explained = {finding.split for finding in findings if finding.key in EXPLAINING and finding.level == 'fault'}
    for source, reason in refusals(sources):
        if source.split not in explained:
            findings.append(Finding('fault', 'refused', source.split, f'training refuses: {reason}'))
    findings.sort(key=lambda finding: LEVELS.index(finding.level))  # within a level they keep their order
    return Checkup(classes, tiles, summaries, findings)


def _gather_all(sources: Sequence[DataSource]) -> tuple[list[TilePair], list[Finding]]:
    """Return the pairs of all data sets and what is wrong with their files.

    A test split with the files of the validation split, as where validation data serve for testing, is left out: else
    each of its images would be a duplicate.
    """
    pairs: list[TilePair] = []
    findings: list[Finding] = []
    for source in sources:
        own_pairs, own_findings = gather(source)
        pairs += own_pairs
        findings += own_findings
    if not pairs:
        roots = ', '.join(sorted({str(source.root) for source in sources}))
        raise DataError(f'there is no image of any list or folder below {roots}: check the path, see data/README.md')
    findings += unlisted(pairs)
    val, test = ({pair.image for pair in pairs if pair.split == split} for split in ('val', 'test'))
    if val and val == test:
        findings.append(Finding('note', 'same-split', 'test', 'test has the same images as val'))
        pairs = [pair for pair in pairs if pair.split != 'test']
    return pairs, findings


def _examine_all(pairs: Sequence[TilePair], *, workers: int, on_tile: Callable[[int, int], None]) -> list[ExaminedTile]:
    """Examine tiles in threads: decoding and counting run outside of the interpreter's lock."""
    Image.init()  # loads the readers of all formats, which threads must not do at once
    tiles = []
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        for done, tile in enumerate(pool.map(examine, pairs), start=1):
            tiles.append(tile)
            on_tile(done, len(pairs))
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C the tiles that wait are not examined any more
    return tiles
