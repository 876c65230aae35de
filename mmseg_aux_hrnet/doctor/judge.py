"""Turns what was measured on tiles and splits into findings."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from mmseg_aux_hrnet.doctor.examine import Tile
from mmseg_aux_hrnet.doctor.findings import Finding, Level, counted, first_of
from mmseg_aux_hrnet.doctor.summary import Summary

RARE = 0.005  # of the labelled training pixels
UNEQUAL = 2.0  # times between the foreground shares of two splits
NODATA_SEEN = 0.01  # of a tile without data but with a class


def judge_split(split: str, tiles: Sequence[Tile]) -> Iterator[Finding]:
    """Yield what is wrong or odd with tiles of one split, each by itself."""
    yield from _images(split, tiles)
    yield from _labels(split, tiles)
    yield from _masks(split, tiles)
    yield from _nodata(split, tiles)


def _images(split: str, tiles: Sequence[Tile]) -> Iterator[Finding]:
    bad = [tile.image_error for tile in tiles if tile.image_error]
    if bad:
        yield Finding('fault', 'image', split, f'{counted(len(bad), "image")} not readable', 'replace them', tuple(bad))
    turned = [tile.pair.name for tile in tiles if tile.image and tile.image.turned]
    if turned:
        what = f'{counted(len(turned), "image")} to be shown turned (EXIF), which training does not do'
        yield Finding('doubt', 'turned', split, what, 'look whether the labels fit the stored pixels', tuple(turned))
    grey = [tile.pair.name for tile in tiles if tile.image and tile.image.grey]
    if grey:
        yield Finding('note', 'grey', split, f'{counted(len(grey), "image")} without colour', '', tuple(grey))
    modes = Counter(tile.image.mode for tile in tiles if tile.image)
    if len(modes) > 1:
        listed = ', '.join(f'{count} {mode}' for mode, count in modes.most_common())
        yield Finding('note', 'modes', split, f'images are stored in several ways: {listed}')


def _labels(split: str, tiles: Sequence[Tile]) -> Iterator[Finding]:
    refused: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for tile in tiles:
        if tile.label_error:
            refused[_cause(tile), tile.readable_as].append(f'{tile.label_error}{_values(tile)}')
    for (cause, formats), errors in refused.items():
        what = f'{counted(len(errors), "label")} {cause}'
        yield Finding('fault', 'label', split, what, _label_advice(tiles, formats), tuple(errors))
    formats_used = Counter(tile.label.label_format for tile in tiles if tile.label)
    if len(formats_used) > 1:
        listed = ', '.join(f'{count} {name}' for name, count in formats_used.most_common())
        yield Finding(
            'fault', 'label-mix', split, f'labels are of several formats: {listed}', 'write them anew with --fix OUT'
        )
    sizes = [_size_text(tile) for tile in tiles if not tile.same_size]
    if sizes:
        advice = 'cut both to the same ground'
        yield Finding(
            'fault',
            'size',
            split,
            f'{counted(len(sizes), "label")} of another size than the image',
            advice,
            tuple(sizes),
        )


def _cause(tile: Tile) -> str:
    if tile.form is None:
        return 'not readable'
    return 'of another form than declared' if tile.readable_as else 'not of the declared classes'


def _values(tile: Tile) -> str:
    """Return what a label holds where no format reads it."""
    return '' if tile.form is None or tile.readable_as else f' (it holds {first_of(tile.form.values)})'


def _label_advice(tiles: Sequence[Tile], formats: Sequence[str]) -> str:
    if len(formats) == 1 and any(tile.label for tile in tiles):
        declared = tiles[0].pair.source.rules[0].label_format
        return f'labels are of several forms: --label-format {declared} {formats[0]} --fix OUT writes them in one'
    if len(formats) == 1:
        return _format_advice(tiles[0].pair.split, formats[0])
    if formats:
        return f'say which of {" or ".join(formats)} they are, with --label-format'
    return 'correct or replace them'


def _format_advice(split: str, label_format: str) -> str:
    if split == 'all':
        return f"label_format='{label_format}' reads them"
    return f'--cfg-options {split}_dataloader.dataset.label_format={label_format} reads them'


def _size_text(tile: Tile) -> str:
    assert tile.image is not None and tile.label is not None  # else the sizes would not differ
    image, label = (f'{size[1]}x{size[0]}' for size in (tile.image.size, tile.label.size))
    return f'{tile.pair.name} (image {image}, label {label}, width x height)'


def _masks(split: str, tiles: Sequence[Tile]) -> Iterator[Finding]:
    """Yield a fault where labels look like masks of 0 and 255 that are read as indices: their foreground is ignored."""
    labels = [(tile, tile.label) for tile in tiles if tile.label and tile.label.label_format in ('index', 'palette')]
    foreground = [label.counts[1:255].any() for _, label in labels]
    masks = [
        tile.pair.name
        for (tile, label), found in zip(labels, foreground, strict=True)
        if label.counts[255] and not found
    ]
    if not masks or tiles[0].pair.source.dataset.ignore_index != 255:
        return
    what = f'{counted(len(masks), "label")} of only 0 and 255, and 255 is ignored'
    if not any(foreground):
        advice = f'masks of 0 and 255: {_format_advice(split, "binary")}'
        yield Finding('fault', 'masks', split, f'{what}: there is no foreground at all', advice, tuple(masks))
        return
    advice = 'look whether they are masks of 0 and 255 among labels of another form'
    yield Finding('doubt', 'masks', split, what, advice, tuple(masks))


def _nodata(split: str, tiles: Sequence[Tile]) -> Iterator[Finding]:
    images = [(tile, tile.image) for tile in tiles if tile.image and tile.image.nodata]
    if not images:
        return
    empty = [tile.pair.name for tile, image in images if image.nodata == image.size[0] * image.size[1]]
    if empty:
        yield Finding(
            'doubt', 'empty', split, f'{counted(len(empty), "image")} without any data', 'leave them out', tuple(empty)
        )
    classed = [
        f'{tile.pair.name} ({tile.label.nodata_classed} pixels)'
        for tile, image in images
        if tile.label and tile.label.nodata_classed > NODATA_SEEN * image.size[0] * image.size[1]
    ]
    if classed:
        what = (
            f'{counted(len(classed), "label")} with a class on pixels without data (black, white or transparent edges)'
        )
        yield Finding('doubt', 'nodata-class', split, what, 'set them to 255, which is ignored', tuple(classed))


def judge_classes(summaries: Sequence[Summary], classes: Sequence[str]) -> Iterator[Finding]:
    """Yield what is odd about the classes of the splits, each by itself and beside each other."""
    for summary in summaries:
        split, total = summary.split, sum(summary.pixels)
        if not summary.labels:
            if not summary.lacking:
                yield Finding('note', 'no-labels', split, f'no labels, so no figures for {split}')
            continue
        if summary.without_foreground:
            names = summary.without_foreground
            level: Level = 'doubt' if len(names) == summary.labels else 'note'
            what = f'{len(names)} of {summary.labels} labels without foreground'
            yield Finding(level, 'no-foreground', split, what, '', names)
        for name, pixels in zip(classes, summary.pixels, strict=True):
            if not pixels:
                yield Finding('doubt', 'class-absent', split, f'class {name} does not occur')
            elif split == 'train' and pixels < RARE * total:
                share = 100 * pixels / total
                advice = 'class weights below, or the loss with hard examples'
                yield Finding(
                    'doubt', 'class-rare', split, f'class {name} is rare: {share:.3f} % of the pixels', advice
                )
    yield from _unequal([summary for summary in summaries if all(summary.pixels)], classes)


def _unequal(summaries: Sequence[Summary], classes: Sequence[str]) -> Iterator[Finding]:
    for index, name in enumerate(classes[1:], start=1):
        shares = {summary.split: 100 * summary.shares[index] for summary in summaries}
        if shares and max(shares.values()) > UNEQUAL * min(shares.values()):
            listed = ', '.join(f'{split} {share:.2f} %' for split, share in shares.items())
            yield Finding('note', 'shares', '', f'shares of {name} differ between the splits: {listed}')
