"""Makes a data set of images without a place on the ground and what was drawn on them: painted, cut, split by image."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from mmseg_aux_hrnet.bands import RGB
from mmseg_aux_hrnet.datasets.description import DataDescription
from mmseg_aux_hrnet.datasets.tiles import read_rgb
from mmseg_aux_hrnet.errors import DataError, ImageError, counted, one_line
from mmseg_aux_hrnet.labelling.annotated_image import AnnotatedImage, named
from mmseg_aux_hrnet.labelling.class_rules import ClassRules, class_rules
from mmseg_aux_hrnet.labelling.image_labels import outside, paint
from mmseg_aux_hrnet.labelling.image_plan import ImagePlan, plan_images, tile_stems
from mmseg_aux_hrnet.labelling.making import THREADS, WAITING, OnTile, Outcome, data_root, drop_empty
from mmseg_aux_hrnet.labelling.request import TileRequest
from mmseg_aux_hrnet.labelling.results import file_entry, write_sheet
from mmseg_aux_hrnet.labelling.tile_files import SUFFIXES, tile_writer
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
