"""Examines one tile: reads image and label as training does, and measures what the checks look at."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2  # comes with mmcv
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmseg_aux_hrnet.collar import COLLARS, collar
from mmseg_aux_hrnet.datasets.band_images import PLAIN, read_bands
from mmseg_aux_hrnet.datasets.georeference import is_for_gdal, place_of, turn_of_label
from mmseg_aux_hrnet.datasets.tiles import DAMAGE, read_tile
from mmseg_aux_hrnet.doctor.gather import TilePair, relative
from mmseg_aux_hrnet.doctor.labels import formats_that_read, label_form, read_by_first
from mmseg_aux_hrnet.doctor.likeness import colour_figures, grey_thumbnail
from mmseg_aux_hrnet.doctor.sources import IGNORED
from mmseg_aux_hrnet.errors import ImageError, LabelError, RasterError

if TYPE_CHECKING:
    from mmseg_aux_hrnet.raster.place import Place, Turn

EXIF_ORIENTATION = 274
# Where an image has no data, and where training ignores its label for that, bool (H, W); None for nowhere.
Masks = tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]
COLOUR_SIDE = 64  # pixels of the version that the channel order is judged by


@dataclass(frozen=True)
class ImageContent:
    """What an image holds.

    Attributes:
        size: height and width in pixels.
        mode: how the file stores its pixels, in Pillow's words.
        turned: whether the file says that it is to be shown turned, which training does too.
        digest: hash of the decoded pixels and their shape.
        thumbnail: grey version, uint8 (32, 32).
        colours: figures of :func:`~mmseg_aux_hrnet.doctor.likeness.colour_figures`, float (9,).
        grey: whether red, green and blue are the same everywhere.
        histogram: pixels with data at each level of red, green and blue, or of all bands that are loaded, int64
            (bands, 256).
        nodata: number of pixels without data.
    """

    size: tuple[int, int]
    mode: str
    turned: bool
    digest: str
    thumbnail: NDArray[np.uint8]
    colours: NDArray[np.float64]
    grey: bool
    histogram: NDArray[np.int64]
    nodata: int


@dataclass(frozen=True)
class LabelContent:
    """What a label holds.

    Attributes:
        size: height and width in pixels.
        label_format: the format that it was read by.
        counts: pixels of each value after the data set's renumbering, int64 (256,).
        digest: hash of the classes.
        nodata_classed: pixels without data that carry a class.
    """

    size: tuple[int, int]
    label_format: str
    counts: NDArray[np.int64]
    digest: str
    nodata_classed: int


@dataclass(frozen=True)
class ExaminedTile:
    """An image with its label after examination; what could not be read is None and its error is kept.

    Attributes:
        pair: the files.
        image: what the image holds.
        label: what the label holds.
        label_kind: how the label file stores its pixels, such as ``palette``; empty where it cannot be read at all.
        label_values: values or colours in the label file, before any rule.
        image_error: why training would refuse the image; empty where it would not.
        label_error: why training would refuse the label.
        readable_as: for a label that is refused, the formats that would read it.
        place: where the image lies; None where it does not say so.
        turn: what lays the label on the image; None where one of them does not say where it lies.
        place_error: why training would refuse the label for its place.
    """

    pair: TilePair
    image: ImageContent | None = None
    label: LabelContent | None = None
    label_kind: str = ''
    label_values: tuple[str, ...] = ()
    image_error: str = ''
    label_error: str = ''
    readable_as: tuple[str, ...] = ()
    place: 'Place | None' = None
    turn: 'Turn | None' = None
    place_error: str = ''

    @property
    def same_size(self) -> bool:
        """Whether image and label cover the same pixels, as far as both are known."""
        return self.image is None or self.label is None or self.image.size == self.label.size


def examine(pair: TilePair) -> ExaminedTile:
    """Read and measure one tile. Errors of its files are kept, not raised."""
    image, label = None, None
    without_data: Masks = None, None
    image_error, label_error = '', ''
    readable_as: tuple[str, ...] = ()
    root = pair.source.root
    try:
        image, without_data = _examine_image(pair.image, pair.source.dataset)
    except ImageError as error:
        image_error = str(error).replace(str(pair.image), relative(pair.image, root))
    place, turn, place_error = _examine_place(pair)
    if pair.label is None:
        return ExaminedTile(pair, image, image_error=image_error, place=place)
    kind, values = label_form(pair.label)
    try:
        label = _examine_label(pair, pair.label, (None, None) if place_error else without_data, turn)
    except LabelError as error:
        label_error = str(error).replace(str(pair.label), relative(pair.label, root))
        readable_as = formats_that_read(pair.label, pair.source.rules[0])
    errors = (image_error, label_error, readable_as)
    return ExaminedTile(pair, image, label, kind, values, *errors, place, turn, place_error)


def _examine_place(pair: TilePair) -> tuple['Place | None', 'Turn | None', str]:
    """Return where the image lies, what lays the label on it, and why training would refuse that."""
    place, turn, refusal = None, None, ''
    with suppress(RasterError):  # damaged, which is said already
        try:
            place = place_of(pair.image)
            turn = None if pair.label is None else turn_of_label(str(pair.image), str(pair.label))
        except LabelError as error:
            refusal = str(error)
            for path in filter(None, (pair.image, pair.label)):
                refusal = refusal.replace(str(path), relative(path, pair.source.root))
    return place, turn, refusal


def _examine_image(path: Path, dataset: Any) -> tuple[ImageContent, Masks]:
    bands = getattr(dataset, 'bands', PLAIN)
    if bands.plain:
        tile = read_tile(path)
        image: NDArray[Any] = cv2.cvtColor(tile, cv2.COLOR_BGR2RGB if tile.shape[2] == 3 else cv2.COLOR_BGRA2RGB)
        every = image
    else:
        tile = read_bands(path, bands, stored=dataset.stored or bands.names)
        every = tile[..., [bands.loaded.index(name) for name in bands.names]]
        image = every[..., [bands.names.index(name) for name in bands.shown().names]]
    if not bands.plain or is_for_gdal(path):
        mode, turned, alpha = 'GeoTIFF', False, tile[..., -1] if tile.shape[2] > len(bands.names) else None
        ignored = None if alpha is None else alpha == 0
    else:
        (mode, turned, alpha), ignored = _picture_form(path), None
    mask = nodata_mask(image, alpha=alpha)
    small = np.asarray(cv2.resize(image, (COLOUR_SIDE, COLOUR_SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    count = len(bands.names)
    data = (
        every[~mask] if mask.any() else every.reshape(-1, count)
    )  # indexing copies, and most tiles have all their data
    content = ImageContent(
        size=(image.shape[0], image.shape[1]),
        mode=mode,
        turned=turned,
        digest=_digest(image),
        thumbnail=grey_thumbnail(image),
        colours=colour_figures(small.reshape(-1, 3)),
        grey=bool((image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all()),
        histogram=np.stack([np.bincount(data[:, channel], minlength=256) for channel in range(count)]),
        nodata=int(mask.sum()),
    )
    return content, (mask, ignored)


def _picture_form(path: Path) -> tuple[str, bool, NDArray[np.uint8] | None]:
    """Return how a file without georeference stores its pixels, whether it is turned, and its alpha, uint8 (H, W)."""
    with Image.open(path) as file:
        mode = file.mode
        try:
            turned = file.getexif().get(EXIF_ORIENTATION, 1) != 1
        except DAMAGE:
            turned = False  # training does not read it
        has_alpha = mode in ('RGBA', 'LA') or 'transparency' in file.info
        return mode, turned, np.asarray(file.convert('RGBA'))[..., 3] if has_alpha else None


def nodata_mask(image: NDArray[np.uint8], *, alpha: NDArray[np.uint8] | None = None) -> NDArray[np.bool_]:
    """Return where a tile has no data, bool (H, W).

    A pixel has none where its alpha is 0, which stands for masks and nodata values of GeoTIFFs too, or where it belongs
    to an area of exact black or exact white that reaches an edge of the tile and covers at least 0.5 % of it, as the
    collars of orthophotos do.

    Args:
        image: RGB, uint8 (H, W, 3).
        alpha: opacity, uint8 (H, W), where the file has it.
    """
    mask = np.zeros(image.shape[:2], np.bool_)
    if alpha is not None:
        mask |= alpha == 0
    for colour in COLLARS:
        mask |= collar(image, colour)
    return mask


def _examine_label(pair: TilePair, path: Path, without_data: Masks, turn: 'Turn | None') -> LabelContent:
    """Read and measure a label of an image that has no data in some places.

    Raises:
        LabelError: no rule of the data set reads it.
    """
    values, label_format = read_by_first(path, pair.source.rules, turn=turn)
    classes = pair.source.class_of[values]
    nodata, ignored = (mask if mask is not None and mask.shape == classes.shape else None for mask in without_data)
    if ignored is not None:
        classes = np.where(ignored, np.uint8(IGNORED), classes)
    return LabelContent(
        size=(classes.shape[0], classes.shape[1]),
        label_format=label_format,
        counts=np.bincount(classes.ravel(), minlength=256),
        digest=_digest(classes),
        nodata_classed=0 if nodata is None else int((nodata & (classes != IGNORED)).sum()),
    )


def _digest(pixels: NDArray[np.uint8]) -> str:
    # The shape counts too: tiles of one colour have the same bytes at 2 x 8 and 4 x 4 pixels.
    name = hashlib.blake2b(str(pixels.shape).encode(), digest_size=16)
    name.update(np.ascontiguousarray(pixels).data)
    return name.hexdigest()
