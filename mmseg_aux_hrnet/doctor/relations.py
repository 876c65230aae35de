"""Finds what only several tiles together show: pictures that are there twice, and channels in another order."""

from collections.abc import Iterator, Sequence

import numpy as np

from mmseg_aux_hrnet.doctor.duplicates import DOUBTFUL, exact_groups, exchange_scores, near_pairs
from mmseg_aux_hrnet.doctor.examine import ImageFacts, Tile
from mmseg_aux_hrnet.doctor.findings import Finding, counted

Read = list[tuple[Tile, ImageFacts]]


def judge_relations(tiles: Sequence[Tile]) -> Iterator[Finding]:
    """Yield duplicates within and across splits, and doubts about the order of channels."""
    read = [(tile, tile.image) for tile in tiles if tile.image is not None]
    yield from _exact(read)
    yield from _near(read)
    yield from _channel_order(read)


def exact_duplicates(tiles: Sequence[Tile]) -> list[list[Tile]]:
    """Return the groups of tiles whose images hold the same pixels."""
    read = [(tile, tile.image) for tile in tiles if tile.image is not None]
    return [[read[index][0] for index in group] for group in exact_groups([image.digest for _, image in read])]


def _exact(read: Read) -> Iterator[Finding]:
    across: list[str] = []
    within: list[str] = []
    contradicting: list[str] = []
    for group in exact_duplicates([tile for tile, _ in read]):
        names = ' = '.join(_name(tile) for tile in group)
        (across if len({tile.pair.split for tile in group}) > 1 else within).append(names)
        if len({tile.label.digest for tile in group if tile.label}) > 1:
            contradicting.append(names)
    if across:
        advice = 'keep each in one split: figures on seen images are too good; --fix OUT does'
        yield Finding('fault', 'leak', '', f'{counted(len(across), "image")} in several splits', advice, tuple(across))
    if contradicting:
        what = f'{counted(len(contradicting), "image")} several times with different labels'
        yield Finding('doubt', 'contradiction', '', what, 'keep the right label', tuple(contradicting))
    if within:
        yield Finding(
            'note', 'twice', '', f'{counted(len(within), "image")} several times in one split', '', tuple(within)
        )


def _near(read: Read) -> Iterator[Finding]:
    if not read:
        return
    across: list[str] = []
    within: list[str] = []
    for pair in near_pairs(np.stack([image.thumbnail for _, image in read])):
        (first, image), (second, other) = read[pair.first], read[pair.second]
        if image.digest != other.digest:
            text = f'{_name(first)} ~ {_name(second)} ({pair.distance} of 64 bits, r {pair.correlation:.2f})'
            (across if first.pair.split != second.pair.split else within).append(text)
    if across:
        advice = 'look at them, and keep each scene in one split'
        yield Finding(
            'doubt',
            'near-leak',
            '',
            f'{counted(len(across), "pair")} of images in two splits showing the same',
            advice,
            tuple(across),
        )
    if within:
        yield Finding(
            'note',
            'near-twice',
            '',
            f'{counted(len(within), "pair")} of images in one split showing the same',
            '',
            tuple(within),
        )


def _name(tile: Tile) -> str:
    return f'{tile.pair.split}:{tile.pair.name}'


def _channel_order(read: Read) -> Iterator[Finding]:
    """Compare training tiles with each other, and those of every other split with the training tiles."""
    splits = list(dict.fromkeys(tile.pair.split for tile, _ in read))
    colours = {
        split: [(tile, image.colours) for tile, image in read if tile.pair.split == split and not image.grey]
        for split in splits
    }
    base = 'train' if 'train' in colours else next(iter(splits), '')
    for split in splits:
        if not colours[split] or not colours[base]:
            continue
        figures, reference = (np.stack([figure for _, figure in colours[name]]) for name in (split, base))
        scores = exchange_scores(figures, reference, same=split == base)
        names = [tile.pair.name for (tile, _), score in zip(colours[split], scores, strict=True) if score > DOUBTFUL]
        if names:
            what = f'{counted(len(names), "image")} as if red and blue were exchanged, beside those of {base}'
            yield Finding('doubt', 'channel-order', split, what, 'look at them', tuple(names))
