"""Makes a data set of images without a place on the ground and what was drawn on them: painted, cut, split by image."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.features import rasterize

from mmseg_aux_hrnet.bands import RGB
from mmseg_aux_hrnet.datasets.description import DataDescription
from mmseg_aux_hrnet.datasets.tiles import read_rgb
from mmseg_aux_hrnet.errors import DataError, ImageError, counted, one_line
from mmseg_aux_hrnet.labelling.annotated_image import AREA, AnnotatedImage, faults_of, named
from mmseg_aux_hrnet.labelling.class_rules import ClassRules, class_rules
from mmseg_aux_hrnet.labelling.cutting import THREADS, WAITING, tile_writer
from mmseg_aux_hrnet.labelling.image_plan import ImagePlan, plan_images, tile_stems
from mmseg_aux_hrnet.labelling.making import OnTile, Outcome, data_root, drop_empty
from mmseg_aux_hrnet.labelling.request import SUFFIXES, TileRequest
from mmseg_aux_hrnet.labelling.results import file_entry, write_sheet
from mmseg_aux_hrnet.labelling.writing import IGNORED, Tile, TileStore, moments_of, refuse_output
from mmseg_aux_hrnet.version import __version__


def make_image_tiles(
    out: Path,
    request: TileRequest,
    *,
    overwrite: bool = False,
    dry_run: bool = False,
    command: Sequence[str] = (),
    on_image: OnTile | None = None,
) -> Outcome:
    """Make a data root of images and annotations; it appears whole or not at all.

    Args:
        out: the data root.
        request: how; with annotations and the folder of the images.
        overwrite: replace a data root that is there.
        dry_run: write nothing.
        command: as it was typed, for the record.
        on_image: hears how it goes.

    Raises:
        ConfigError: options do not fit each other or the files, or the output exists.
        DataError: the files do not fit each other, or cannot be read or written.
    """
    refuse_output(out, overwrite=overwrite)
    rules = class_rules(
        classes=request.classes,
        class_map=request.class_map,
        palette=request.palette,
        of_interest=request.class_of_interest,
        paint_order=request.paint_order,
        unlabelled=request.unlabelled,
    )
    plan = plan_images(request, rules)
    notes, failed, beyond = list(plan.notes), dict[Path, str](), Counter[str]()
    with data_root(out, overwrite=overwrite, dry_run=dry_run) as folder:
        store = TileStore(folder, classes=rules.classes, layout=request.layout)
        splits: dict[str, str] = {}
        with ThreadPoolExecutor(THREADS) as pool:
            for name, stems, beyond[name] in _cut(plan, request, rules, store=store, failed=failed, pool=pool):
                splits |= dict.fromkeys(stems, plan.splits[name])
                if on_image is not None:
                    on_image(len(beyond), len(plan.annotated))
        if not splits:
            raise DataError(next(iter(failed.values())))
        kept, dropped = drop_empty(store.tiles.values(), request, background=rules.uncovered)
        if count := beyond.total():
            notes.append(f'{counted(count, "outline")} outside of the image: {named(+beyond)}')
        notes += [f'{counted(dropped, "tile")} left out: without foreground (--keep-empty)'] if dropped else []
        splits = {stem: splits[stem] for stem in kept}
        described = store.finish(splits, _describe(plan, request, rules, command=command, failed=failed))
        if folder is not None:
            write_sheet(store, [store.tiles[stem] for stem in kept], splits=splits, described=described)
    return Outcome(described, notes, failed)


def _cut(
    plan: ImagePlan,
    request: TileRequest,
    rules: ClassRules,
    *,
    store: TileStore,
    failed: dict[Path, str],
    pool: ThreadPoolExecutor,
) -> Iterator[tuple[str, list[str], int]]:
    """Paint and cut the images and write several tiles at a time.

    Yields:
        Each image, the stems of its tiles, and how many outlines have no part in it.

    Raises:
        DataError: an image is not of the size that it was annotated in, a mask is damaged, or two tiles share a name.
        OSError: a tile cannot be written.
    """
    assert request.images is not None
    names = tile_stems(list(plan.annotated))
    waiting: list[Future[Tile]] = []
    for name, image in plan.annotated.items():
        try:
            pixels = read_rgb(request.images / name)
        except ImageError as error:
            failed[request.images / name] = one_line(error)
            yield name, [], 0
            continue
        shape = pixels.shape[0], pixels.shape[1]
        image = image or AnnotatedImage(name, request.images, ())
        label = paint(
            image,
            shape=shape,
            indices=plan.indices,
            uncovered=IGNORED if rules.uncovered is None else rules.uncovered,
            order=() if request.paint_order is None else rules.painting,
            all_touched=request.all_touched,
        )
        stems = []
        for place, window in _windows(label.shape, tile=request.tile, overlap=request.overlap):
            stems.append(f'{names[name]}{place}')
            waiting.append(pool.submit(_write, store, stems[-1], pixels[window], label[window], request.image_format))
            while len(waiting) > WAITING:
                waiting.pop(0).result()
        yield name, stems, outside(image, shape)
    for future in waiting:
        future.result()


def _write(store: TileStore, stem: str, pixels: NDArray[np.uint8], label: NDArray[np.uint8], kind: str) -> Tile:
    values, valid = np.moveaxis(pixels, -1, 0), np.ones(label.shape, bool)
    write = tile_writer(values, valid, kind=kind, bands=RGB, crs=CRS(), transform=Affine.identity())
    return store.add(stem, suffix=SUFFIXES[kind], label=label, write_image=write, moments=moments_of(values, valid))


def _windows(shape: tuple[int, ...], *, tile: int, overlap: int) -> list[tuple[str, tuple[slice, slice]]]:
    """Return what is added to the name of each tile, and its rows and columns; the last end where the image does."""
    starts = []
    for size in shape:
        ahead = range(0, max(size - tile, 0), tile - overlap)
        starts.append([*ahead, max(size - tile, 0)])
    rows, columns = starts
    if len(rows) == len(columns) == 1:
        return [('', (slice(None), slice(None)))]
    return [
        (f'_{top:05d}_{left:05d}', (slice(top, top + tile), slice(left, left + tile)))
        for top in rows
        for left in columns
    ]


def _describe(
    plan: ImagePlan, request: TileRequest, rules: ClassRules, *, command: Sequence[str], failed: dict[Path, str]
) -> DataDescription:
    """Return what the data set is, and how it was made."""
    assert request.images is not None
    sources = {image.source for image in plan.annotated.values() if image is not None}
    images = {request.images / name for name in plan.annotated} - failed.keys()
    made_by: dict[str, Any] = {
        'command': list(command),
        'value_scale': None,
        'versions': {
            'mmseg_aux_hrnet': __version__,
            'rasterio': rasterio.__version__,
            'gdal': rasterio.__gdal_version__,
            'shapely': shapely.__version__,
            'geos': '.'.join(map(str, shapely.geos_version)),
            'pillow': PIL.__version__,
        },
        'left_out': sorted(path.name for path in failed),
        'inputs': [file_entry(path) for path in (*sorted(images), *sorted(sources))],
    }
    return DataDescription(classes=rules.classes, layout=request.layout, record={'made_by': made_by})


def paint(
    image: AnnotatedImage,
    *,
    shape: tuple[int, int],
    indices: Mapping[str, int],
    uncovered: int,
    order: Sequence[int] = (),
    all_touched: bool = False,
) -> NDArray[np.uint8]:
    """Return the label of an image: a pixel is in an outline where its centre is.

    Annotations are painted as they come, each over those before. What is not of the kind area becomes ``IGNORED``.

    Args:
        image: with its annotations.
        shape: (height, width) of the image in pixels, upright.
        indices: class of each name, or ``IGNORED``.
        uncovered: class where nothing is drawn, or ``IGNORED``.
        order: all classes and ``IGNORED``, the lowest first; without it, annotations are painted as they come.
        all_touched: pixels that an outline touches belong to it.

    Raises:
        DataError: the annotations are of an image of another size, or a mask reaches beyond it or cannot be unpacked.
    """
    if image.size is not None and image.size != shape:
        advice = 'annotate the image as it is'
        if image.size == shape[::-1]:
            advice = 'if its EXIF tag turns it and the annotations belong to the unturned image, remove the tag'
        raise DataError(
            f'{image.source}: {image.name} is annotated as {image.size[1]}x{image.size[0]} pixels, and the image has '
            f'{shape[1]}x{shape[0]} (width x height): {advice}'
        )
    label = np.full(shape, uncovered, np.uint8)
    queue = [(indices[one.name] if one.kind == AREA else IGNORED, one) for one in image.annotations]
    if order:  # what is ignored for its kind stays below, whatever its class
        rank = {value: place for place, value in enumerate(order)}
        queue.sort(key=lambda item: rank[item[0]] if item[1].kind == AREA else -1)
    outlines: list[tuple[Any, int]] = []
    burn = partial(_burn, label=label, stretched=image.relative, all_touched=all_touched)
    for value, one in queue:
        if one.outline is not None:
            outlines.append((one.outline, value))
        if one.patch is None:
            continue
        burn(outlines)
        outlines = []
        with faults_of(f'{image.source}: mask of {one.name} in {image.name}'):
            top, left, mask = one.patch()
            height, width = mask.shape
            if top < 0 or left < 0 or top + height > shape[0] or left + width > shape[1]:
                raise ValueError(f'it reaches from ({left}, {top}) over {width}x{height} pixels, beyond the image')
            label[top : top + height, left : left + width][mask] = value
    burn(outlines)
    return label


def outside(image: AnnotatedImage, shape: tuple[int, int]) -> int:
    """Return how many outlines have no part in their image, of (height, width) pixels."""
    height, width = (1, 1) if image.relative else shape
    outlines = np.array([one.outline for one in image.annotations if one.outline is not None], object)
    left, top, right, bottom = shapely.bounds(outlines).T
    return int(((left >= width) | (top >= height) | (right <= 0) | (bottom <= 0)).sum())


def _burn(outlines: Sequence[tuple[Any, int]], *, label: NDArray[np.uint8], stretched: bool, all_touched: bool) -> None:
    """Paint outlines over a label, in place; ``stretched`` are those in shares of its width and height."""
    if not outlines:
        return
    if stretched:
        factors = np.array(label.shape[::-1])
        outlines = [(shapely.transform(outline, lambda points: points * factors), value) for outline, value in outlines]
    rasterize(outlines, out=label, all_touched=all_touched)
