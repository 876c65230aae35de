"""The checks of a data set: each check is a function that yields findings.

To add one, write a function and name it in the tuple at the end that gives it what it looks at: the tiles of one split,
the totals of all splits, or all tiles. What it has to measure on a tile is measured in ``examine``.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from mmseg_aux_hrnet.doctor.examine import ExaminedTile
from mmseg_aux_hrnet.doctor.findings import Finding, about, first_of
from mmseg_aux_hrnet.doctor.likeness import DOUBTFUL, exchange_scores, near_pairs
from mmseg_aux_hrnet.doctor.sources import UNDIVIDED
from mmseg_aux_hrnet.doctor.summary import Summary
from mmseg_aux_hrnet.errors import DataError, counted

RARE = 0.005  # of the labelled training pixels
UNEQUAL = 2.0  # times between the foreground shares of two splits
SEEN_GROUND = 0.0005  # of all ground of a split; less is rounding
GROUND_ADVICE = 'figures on seen ground are too good: python split.py DATA_ROOT --block METRES divides by ground'
NODATA_SEEN = 0.01  # of a tile without data but with a class; less is the blur of a resampled edge


def check_images(split: str, tiles: Sequence[ExaminedTile]) -> Iterator[Finding]:
    """Look for images that training cannot read, or reads otherwise than people see them."""
    bad = [tile.image_error for tile in tiles if tile.image_error]
    yield from about(bad, 'not readable', level='fault', key='image', split=split, advice='replace them')
    turned = [tile.pair.name for tile in tiles if tile.image and tile.image.turned]
    what = 'to be shown turned (EXIF), as training turns them'
    advice = 'look whether the labels fit the turned images'
    yield from about(turned, what, level='doubt', key='turned', split=split, advice=advice)
    grey = [tile.pair.name for tile in tiles if tile.image and tile.image.grey]
    yield from about(grey, 'without colour', level='note', key='grey', split=split)
    modes = Counter(tile.image.mode for tile in tiles if tile.image)
    if len(modes) > 1:
        listed = ', '.join(f'{count} {mode}' for mode, count in modes.most_common())
        yield Finding('note', 'modes', split, f'images are stored in several ways: {listed}')


def check_labels(split: str, tiles: Sequence[ExaminedTile]) -> Iterator[Finding]:
    """Look for labels that training refuses, of several formats, or of another size than their image."""
    refused: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for tile in tiles:
        if not tile.label_error:
            continue
        cause, values = 'not readable', ''
        if tile.label_kind:
            cause = 'of another form than declared' if tile.readable_as else 'not of the declared classes'
            values = '' if tile.readable_as else f' (it holds {first_of(tile.label_values)})'
        refused[cause, tile.readable_as].append(f'{tile.label_error}{values}')
    for (cause, formats), errors in refused.items():
        advice = _label_advice(tiles, formats)
        yield from about(errors, cause, noun='label', level='fault', key='label', split=split, advice=advice)
    used = Counter(tile.label.label_format for tile in tiles if tile.label)
    if len(used) > 1:
        what = f'labels are of several formats: {", ".join(f"{count} {name}" for name, count in used.most_common())}'
        yield Finding('fault', 'label-mix', split, what, 'write them again with --fix OUT')
    apart = [tile.place_error for tile in tiles if tile.place_error]
    what, advice = 'at another place than the image', 'cut both to the same ground, or remove the wrong georeference'
    yield from about(apart, what, noun='label', level='fault', key='place', split=split, advice=advice)
    turned = [tile.pair.name for tile in tiles if tile.turn and any(tile.turn)]
    what = 'stored another way up than the image (south up, or turned), as their georeferences say: training turns them'
    yield from about(turned, what, noun='label', level='note', key='way-up', split=split)
    sizes = []
    for tile in tiles:
        if tile.image and tile.label and not tile.same_size:
            image, label = (f'{size[1]}x{size[0]}' for size in (tile.image.size, tile.label.size))
            sizes.append(f'{tile.pair.name} (image {image}, label {label}, width x height)')
    what, advice = 'of another size than the image', 'cut both to the same ground'
    yield from about(sizes, what, noun='label', level='fault', key='size', split=split, advice=advice)


def _label_advice(tiles: Sequence[ExaminedTile], formats: Sequence[str]) -> str:
    """Return what to do about labels that are refused and that ``formats`` would read."""
    if len(formats) == 1 and any(tile.label for tile in tiles):
        # A label_format for the whole split would make those faults that are read now.
        declared = tiles[0].pair.source.rules[0].label_format
        return f'labels are of several forms: --label-format {declared} {formats[0]} --fix OUT writes them in one'
    if len(formats) == 1:
        return _format_advice(tiles[0].pair.split, formats[0])
    if formats:
        return f'say which of {" or ".join(formats)} they are, with --label-format'
    return 'correct or replace them'


def _format_advice(split: str, label_format: str) -> str:
    if split == UNDIVIDED:
        return f"label_format='{label_format}' reads them"
    return f'--cfg-options {split}_dataloader.dataset.label_format={label_format} reads them'


def check_masks(split: str, tiles: Sequence[ExaminedTile]) -> Iterator[Finding]:
    """Look for labels like masks of 0 and 255 that are read as indices: their foreground is ignored."""
    labels = [(tile, tile.label) for tile in tiles if tile.label and tile.label.label_format in ('index', 'palette')]
    foreground = [label.counts[1:255].any() for _, label in labels]
    masks = [
        tile.pair.name
        for (tile, label), has_foreground in zip(labels, foreground, strict=True)
        if label.counts[255] and not has_foreground
    ]
    if not masks or tiles[0].pair.source.dataset.ignore_index != 255:
        return
    what = 'of only 0 and 255, and 255 is ignored'
    if any(foreground):  # a label of an image without foreground may have ignored edges, so it is not sure
        advice = 'look whether they are masks of 0 and 255 among labels of another form'
        yield from about(masks, what, noun='label', level='doubt', key='masks', split=split, advice=advice)
    else:
        what = f'{what}: there is no foreground at all'
        advice = f'masks of 0 and 255: {_format_advice(split, "binary")}'
        yield from about(masks, what, noun='label', level='fault', key='masks', split=split, advice=advice)


def check_nodata(split: str, tiles: Sequence[ExaminedTile]) -> Iterator[Finding]:
    """Look for images that are empty, and for labels that give a class to pixels without data."""
    images = [(tile, tile.image) for tile in tiles if tile.image and tile.image.nodata]
    empty = [tile.pair.name for tile, image in images if image.nodata == image.size[0] * image.size[1]]
    advice = 'leave them out'
    yield from about(empty, 'without any data', level='doubt', key='empty', split=split, advice=advice)
    classed = [
        f'{tile.pair.name} ({tile.label.nodata_classed} pixels)'
        for tile, image in images
        if tile.label and tile.label.nodata_classed > NODATA_SEEN * image.size[0] * image.size[1]
    ]
    what = 'with a class on pixels without data (black, white or transparent edges)'
    advice = 'set them to 255, which is ignored'
    yield from about(classed, what, noun='label', level='doubt', key='nodata-class', split=split, advice=advice)


def check_classes(summaries: Sequence[Summary], classes: Sequence[str]) -> Iterator[Finding]:
    """Look for splits without labels or foreground, and for classes that are absent or rare."""
    for summary in summaries:
        split, total = summary.split, sum(summary.pixels)
        if not summary.labels:
            if not summary.lacking:  # missing or unreadable labels are faults already
                yield Finding('note', 'no-labels', split, f'no labels, so no figures for {split}')
            continue
        bare = summary.without_foreground
        if bare:
            what = f'{len(bare)} of {counted(summary.labels, "label")} without foreground'
            yield Finding('doubt' if len(bare) == summary.labels else 'note', 'no-foreground', split, what, '', bare)
        for name, pixels in zip(classes, summary.pixels, strict=True):
            if not pixels:
                yield Finding('doubt', 'class-absent', split, f'class {name} does not occur')
            elif split == 'train' and pixels < RARE * total:
                what = f'class {name} is rare: {100 * pixels / total:.3f} % of the pixels'
                yield Finding('doubt', 'class-rare', split, what, 'class weights below, or the loss with hard examples')


def check_shares(summaries: Sequence[Summary], classes: Sequence[str]) -> Iterator[Finding]:
    """Look for classes whose share differs between the splits, of those in which every class occurs."""
    whole = [summary for summary in summaries if all(summary.pixels)]
    for index, name in enumerate(classes[1:], start=1):
        shares = {summary.split: 100 * summary.shares[index] for summary in whole}
        if shares and max(shares.values()) > UNEQUAL * min(shares.values()):
            listed = ', '.join(f'{split} {share:.2f} %' for split, share in shares.items())
            yield Finding('note', 'shares', '', f'shares of {name} differ between the splits: {listed}')


def exact_duplicates(tiles: Sequence[ExaminedTile]) -> list[list[ExaminedTile]]:
    """Return the groups of two and more tiles whose images hold the same pixels."""
    groups: dict[str, list[ExaminedTile]] = {}
    for tile in tiles:
        if tile.image is not None:
            groups.setdefault(tile.image.digest, []).append(tile)
    return [group for group in groups.values() if len(group) > 1]


def check_duplicates(tiles: Sequence[ExaminedTile]) -> Iterator[Finding]:
    """Look for images of the same pixels, in several splits or in one."""
    across, within, contradicting = list[str](), list[str](), list[str]()
    for group in exact_duplicates(tiles):
        names = ' = '.join(_name(tile) for tile in group)
        (across if len({tile.pair.split for tile in group}) > 1 else within).append(names)
        if len({tile.label.digest for tile in group if tile.label}) > 1:
            contradicting.append(names)
    advice = 'keep each in one split (--fix OUT does it): figures on seen images are too good'
    yield from about(across, 'in several splits', level='fault', key='leak', advice=advice)
    what, advice = 'several times with different labels', 'keep the right label'
    yield from about(contradicting, what, level='doubt', key='contradiction', advice=advice)
    yield from about(within, 'several times in one split', level='note', key='twice')


def check_near_duplicates(tiles: Sequence[ExaminedTile]) -> Iterator[Finding]:
    """Look for images that show the same with other pixels, in two splits or in one."""
    read = [(tile, tile.image) for tile in tiles if tile.image is not None]
    if not read:
        return
    across, within = list[str](), list[str]()
    for first, second, distance, correlation in near_pairs(np.stack([image.thumbnail for _, image in read])):
        (tile, image), (other, other_image) = read[first], read[second]
        if image.digest != other_image.digest:  # else it is an exact duplicate, which is said already
            text = f'{_name(tile)} ~ {_name(other)} ({distance} of 64 bits, r {correlation:.2f})'
            (across if tile.pair.split != other.pair.split else within).append(text)
    what, advice = 'of images in two splits showing the same', 'look at them, and keep each scene in one split'
    yield from about(across, what, noun='pair', level='doubt', key='near-leak', advice=advice)
    yield from about(within, 'of images in one split showing the same', noun='pair', level='note', key='near-twice')


def _name(tile: ExaminedTile) -> str:
    return f'{tile.pair.split}:{tile.pair.name}'


def check_ground(tiles: Sequence[ExaminedTile]) -> Iterator[Finding]:
    """Look for ground that georeferenced tiles of two splits show."""
    placed = [(tile, tile.place) for tile in tiles if tile.place is not None]
    splits = np.array([tile.pair.split for tile, _ in placed])
    if len(set(splits)) < 2:
        return
    # Late: nothing is placed where the extra ``geo`` is missing.
    from mmseg_aux_hrnet.datasets.ground_split import grounds_of, seen_ground

    try:
        grounds, seam = grounds_of([place for _, place in placed])
    except DataError as error:
        yield Finding('note', 'ground-unknown', '', f'ground of the splits is not compared: {error}')
        return
    for split, other in (('test', 'train'), ('val', 'train'), ('test', 'val')):
        own = np.flatnonzero(splits == split)
        share, shared = seen_ground(grounds[own], grounds[splits == other], seam=seam)
        if share > SEEN_GROUND:
            names = [placed[own[index]][0].pair.name for index in shared]
            what = f'showing ground of {other} too: {100 * share:.1f} % of all ground of {split}'
            yield from about(names, what, level='fault', key='ground', split=split, advice=GROUND_ADVICE)


def check_channel_order(tiles: Sequence[ExaminedTile]) -> Iterator[Finding]:
    """Compare training tiles with each other, and those of every other split with the training tiles."""
    read = [(tile, tile.image) for tile in tiles if tile.image is not None]
    splits = list(dict.fromkeys(tile.pair.split for tile, _ in read))
    # An exchange of channels does not change a grey image, so it cannot be found.
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
        what = f'as if red and blue were exchanged, beside those of {base}'
        yield from about(names, what, level='doubt', key='channel-order', split=split, advice='look at them')


OF_SPLIT = (check_images, check_labels, check_masks, check_nodata)  # get a split and its tiles
OF_TOTALS = (check_classes, check_shares)  # get the totals of all splits and the names of the classes
OF_ALL_TILES = (
    check_duplicates,
    check_near_duplicates,
    check_ground,
    check_channel_order,
)  # get the tiles of all splits
