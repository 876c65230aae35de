"""What people drew on an image in an annotation program: areas with the name of a class, before they are pixels."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from mmseg_aux_hrnet.datasets.tiles import DAMAGE
from mmseg_aux_hrnet.errors import ConfigError, DataError, counted
from mmseg_aux_hrnet.maps.vector.polygons import repair

AREA, CROWD, BOX, EMPTY, TAG = 'area', 'crowd', 'box', 'empty', 'tag'
NO_AREA = ('cuboid', 'keypoints', 'line', 'linestrip', 'point', 'points', 'polyline', 'skeleton')
NAMED = 5  # examples in a message


class Patch(NamedTuple):
    """Pixels of an image, those of a mask that was cut to what it covers.

    Attributes:
        top: row of the image that is the first of the mask.
        left: the same of columns.
        mask: bool (h, w).
    """

    top: int
    left: int
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Annotation:
    """One thing that was drawn.

    Attributes:
        name: class, as the file has it.
        kind: area, crowd (an area of many things), box, empty (a polygon without area), tag (of the whole image), or
            one of ``NO_AREA``.
        outline: valid polygons, x to the right and y downwards from the upper left corner of the image, in pixels, so
            that the first pixel reaches from 0 to 1; None where there is a patch, or no area.
        patch: gives the pixels; None where there is an outline. It is not unpacked before it is painted: the masks of
            a whole data set would not fit into memory.
        mended: whether the outline crossed itself.
    """

    name: str
    kind: str = AREA
    outline: shapely.MultiPolygon | None = None
    patch: Callable[[], Patch] | None = None
    mended: bool = False


@dataclass(frozen=True)
class AnnotatedImage:
    """What was drawn on one image, in the order of painting.

    Attributes:
        name: path of the image as the file has it, with ``/``; without its suffix where ``of_stem``.
        source: the file of the annotations.
        annotations: what was drawn.
        size: (height, width) of the image in pixels as the file has it; None where it does not say.
        of_stem: whether ``name`` has no suffix.
        relative: whether outlines are in shares of width and height, 0..1, instead of pixels.
    """

    name: str
    source: Path
    annotations: tuple[Annotation, ...]
    size: tuple[int, int] | None = None
    of_stem: bool = False
    relative: bool = False


@contextmanager
def faults_of(place: str) -> Iterator[None]:
    """Raise whatever is wrong with an entry of a file as one error that says where the entry is.

    Raises:
        DataError: a value is missing, or of another form than it must be.
    """
    try:
        yield
    except DataError:
        raise
    except KeyError as error:
        raise DataError(f'{place}: "{error.args[0]}" is missing') from error
    except (AttributeError, *DAMAGE) as error:
        raise DataError(f'{place}: {error}') from error


def polygon_annotation(name: str, rings: Iterable[Any], *, kind: str = AREA) -> Annotation:
    """Return what closed lines enclose together; what one encloses that crosses itself is mended.

    Args:
        name: of the class.
        rings: points of each, (N, 2); those that enclose nothing are left out.
        kind: of the annotation; ``EMPTY`` where no ring encloses anything.

    Raises:
        ValueError: points are not pairs of finite numbers.
    """
    points = [_points(ring) for ring in rings]
    polygons = np.array([shapely.Polygon(ring) for ring in points if len(set(map(tuple, ring.tolist()))) > 2], object)
    mended = not shapely.is_valid(polygons).all()
    if mended or len(polygons) > 1:  # GDAL, which paints, takes what two parts of one geometry share as a hole
        polygons = shapely.get_parts(repair(np.array([shapely.union_all(repair(polygons))], object)))
    if not shapely.area(polygons).any():
        return Annotation(name, kind=EMPTY)
    return Annotation(name, kind=kind, outline=shapely.MultiPolygon(polygons.tolist()), mended=mended)


def _points(ring: Any) -> NDArray[np.float64]:
    points = np.asarray(ring, np.float64)
    if points.size == 0:
        return points.reshape(0, 2)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f'points must be pairs of finite numbers, not {points.ravel()[:4].tolist()}...')
    return points


def box_ring(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    """Return the corners of an upright rectangle."""
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def runs_to_mask(runs: Sequence[int], *, shape: tuple[int, int], columns: bool) -> NDArray[np.bool_]:
    """Return the mask that lengths of runs stand for, which are outside and inside by turns, the first outside.

    Args:
        runs: number of pixels of each.
        shape: (height, width).
        columns: whether pixels are counted down each column, as COCO does, or along each row, as CVAT does.

    Raises:
        ValueError: a length is negative, or together they are not as many pixels as the shape has.
    """
    lengths = np.asarray(runs, np.int64)
    total = shape[0] * shape[1]
    if min(shape) < 1 or lengths.ndim != 1 or (lengths < 0).any() or int(lengths.sum()) != total:
        raise ValueError(f'run lengths add up to {int(lengths.sum())} pixels, and the mask of {shape} has {total}')
    inside = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return inside.reshape(shape, order='F' if columns else 'C')


def settle_kinds(
    images: Sequence[AnnotatedImage], *, fill_boxes: bool, ignore: Sequence[str]
) -> tuple[list[AnnotatedImage], list[str]]:
    """Return the images with what can be painted, and what there is to say of the rest.

    Args:
        images: as they were read.
        fill_boxes: take boxes for the areas of what is in them.
        ignore: kinds that become ignored pixels, and are left out where they have no area; painted before all others.

    Returns:
        Images whose annotations are of the kind area, after those of ``ignore`` that have an area; and notes.

    Raises:
        ConfigError: ``ignore`` names what is not a kind.
        DataError: there are boxes, lines or points, and nobody said what becomes of them.
    """
    kinds = (BOX, CROWD, *NO_AREA)
    if unknown := sorted(set(ignore) - set(kinds)):
        raise ConfigError(f'--ignore {",".join(unknown)} is not a kind of annotation: choose from {", ".join(kinds)}')
    counts = Counter(one.kind for image in images for one in image.annotations)
    refused = [kind for kind in kinds if counts[kind] and kind not in ignore and kind != CROWD]
    if fill_boxes and BOX in refused:
        refused.remove(BOX)
    if refused:
        first = next(image for image in images for one in image.annotations if one.kind in refused)
        said = ', '.join(f'{counts[kind]} {kind}' for kind in refused)
        boxes = '--fill-boxes paints boxes as they are, ' if BOX in refused else ''
        raise DataError(
            f'annotations without an outline: {said}, of {counts.total()}; the first is of {first.name} in '
            f'{first.source}: {boxes}--ignore {",".join(refused)} leaves them out, with boxes as ignored pixels'
        )
    settled = []
    for image in images:
        beneath = [one for one in image.annotations if one.kind in ignore and one.kind in (BOX, CROWD)]
        above = [
            replace(one, kind=AREA)
            for one in image.annotations
            if one.kind in (AREA, CROWD, BOX) and one.kind not in ignore
        ]
        settled.append(replace(image, annotations=(*beneath, *above)))
    notes = [f'ignored: {counted(counts[kind], f"{kind} annotation")}' for kind in ignore if counts[kind]]
    mended = sum(one.mended for image in images for one in image.annotations)
    for count, noun, text in (
        (counts[CROWD] if CROWD not in ignore else 0, 'area', 'marked as crowd: painted like others of the class'),
        (counts[EMPTY], 'polygon', 'of fewer than three points or no area, left out'),
        (counts[TAG], 'tag', 'of whole images, left out'),
        (mended, 'outline', 'with crossings: everything inside is painted'),
    ):
        notes += [f'{counted(count, noun)} {text}'] if count else []
    return settled, notes


def named(items: Iterable[Any]) -> str:
    """Return the first few of a list as text, with the number of the others."""
    texts = [str(item) for item in items]
    more = f' and {len(texts) - NAMED} more' if len(texts) > NAMED else ''
    return ', '.join(texts[:NAMED]) + more
