"""Reads image and label files of a data set, strictly: doubtful files are refused."""

import struct
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mmseg_aux_hrnet.datasets.georeference import is_for_gdal
from mmseg_aux_hrnet.datasets.label_rules import LabelRule, decode_pixels, decode_placed
from mmseg_aux_hrnet.errors import DataError, ImageError, LabelError, RasterError

try:
    import pyspng
    import simplejpeg
    from isal import isal_zlib

    FAST = f'simplejpeg {simplejpeg.__version__}'  # its version of libjpeg-turbo decides on pixels
except ImportError:
    FAST = ''

RGB_MODES = ('RGB', 'RGBA', 'L', 'LA', 'P', '1')
TIFF_SAMPLES_PER_PIXEL = 277
ORIENTATION = 274
METADATA = {'exif', 'xmp', 'Raw profile type exif', 'XML:com.adobe.xmp'}
STRETCHED_GREYS = ('L;2', 'L;4')  # Pillow makes 0..255 of their 0..3 and 0..15, so that class 1 is 85 or 17
# What Pillow's readers end in where bytes of a file are wrong, such as a TypeError for a fraction as a TIFF's offset.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    struct.error,
)
PNG_FORMS = {'L': (1, 0), 'P': (1, 0), 'RGB': (3, 2), 'RGBA': (4, 6)}  # channels, and colour type: P as greys
MASK_SAMPLE = 64  # labels; all of a large data set would take minutes before each run


def read_rgb(path: str | Path, content: bytes | None = None) -> NDArray[Any]:
    """Return an image as RGB, uint8 (H, W, 3); see :func:`read_bgr`."""
    return cv2.cvtColor(read_bgr(path, content), cv2.COLOR_BGR2RGB)


def read_bgr(path: str | Path, content: bytes | None = None) -> NDArray[Any]:
    """Return an image as blue, green, red, uint8 (H, W, 3); see :func:`read_tile`."""
    image = read_tile(path, content)
    return image if image.shape[2] == 3 else cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)


def read_tile(path: str | Path, content: bytes | None = None) -> NDArray[Any]:
    """Return an image as blue, green, red, uint8 (H, W, 3), or with alpha (H, W, 4), 0 where there is no data.

    Grey and palette files are widened. Only of georeferenced TIFFs it is known where there is no data; an alpha channel
    of other files is dropped, and they are turned as their EXIF says, which mmcv does too.

    Args:
        path: the file.
        content: what is in the file, where it was read already; a georeferenced one is read by its path.

    Raises:
        ImageError: the file is missing, damaged, not 8-bit, has several pages, or bands besides red, green, blue and
            alpha.
        StackError: it is georeferenced, and the extra ``geo`` is not installed.
    """
    if is_for_gdal(path, ImageError):
        from mmseg_aux_hrnet.raster.tile import read_image  # late, here and below: the extra ``geo`` may be missing

        try:
            image, valid = read_image(path)
        except RasterError as error:
            raise ImageError(str(error)) from error
        bgr: NDArray[Any] = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        return bgr if valid.all() else np.dstack([bgr, valid.astype(np.uint8) * 255])
    return _read_plain(path, content)


def _read_plain(path: str | Path, content: bytes | None) -> NDArray[Any]:
    image = _open(path, content, ImageError)
    try:
        samples = int(getattr(image, 'tag_v2', {}).get(TIFF_SAMPLES_PER_PIXEL, 1))
    except DAMAGE as error:
        raise ImageError(f'{path} has no count of bands ({error}): it is damaged, replace it') from error
    if samples >= 4:  # by the tags of a TIFF near infrared is often alpha, and Pillow would drop it
        raise ImageError(f'{path} has {samples} bands, and three are needed: save red, green and blue as an RGB file')
    if image.mode not in RGB_MODES or '16' in _raw_mode(image):
        depth = f'{image.mode} ({_raw_mode(image)})'
        raise ImageError(f'{path} has pixels of mode {depth}: save it as 8-bit RGB, with a scaling of your choice')
    pixels = None if image.mode == 'P' else _decode_fast(image)
    if pixels is not None:
        return pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    try:
        upright = _upright(image) if image.mode == 'RGB' else _upright(image).convert('RGB')
        return cv2.cvtColor(np.asarray(upright), cv2.COLOR_RGB2BGR)
    except DAMAGE as error:
        raise ImageError(f'{path} cannot be decoded ({error!r}): it is damaged, replace it') from error


def _upright(image: Image.Image) -> Image.Image:
    """Return an image turned as its EXIF tag says; Pillow turns a TIFF by itself, which a second time would undo."""
    if image.format != 'TIFF':
        return ImageOps.exif_transpose(image)
    # Else Pillow maps plain files into memory, and turns those wrongly by a quarter.
    image.filename = ''  # type: ignore[attr-defined]
    return image


def _decode_fast(image: Any) -> NDArray[Any] | None:
    """Return pixels as Pillow decodes them, uint8 (H, W), or (H, W, 3) in blue, green, red; None leaves them to Pillow.

    Takes only what is whole for certain and of a common form, so that Pillow alone says what is wrong.
    """
    if not FAST or image.format not in ('PNG', 'JPEG') or image.mode not in PNG_FORMS or len(image.tile) != 1:
        return None
    if METADATA & image.info.keys() and (image.format == 'PNG' or image.getexif().get(ORIENTATION, 1) != 1):
        return None
    position = image.fp.tell()
    image.fp.seek(0)
    content = image.fp.read()
    image.fp.seek(position)
    channels, colour_type = PNG_FORMS[image.mode]
    try:
        if image.format == 'PNG':
            pixels = _decode_png(content, image, channels=channels, colour_type=colour_type)
        else:  # raises at the first warning of libjpeg, which Pillow passes over
            pixels = simplejpeg.decode_jpeg(content, 'GRAY' if channels == 1 else 'BGR')
    except (ValueError, RuntimeError, isal_zlib.error):
        return None
    if pixels is None or pixels.shape[1::-1] != image.size:
        return None
    image.close()
    return pixels[..., 0] if channels == 1 else pixels


def _decode_png(content: bytes, image: Any, *, channels: int, colour_type: int) -> NDArray[Any] | None:
    """Return pixels, uint8 (H, W, 1 or 3), which the file's checksum of them all proves right; else None."""
    (width, height), (_, extents, offset, raw_mode) = image.size, image.tile[0]
    if raw_mode != image.mode or extents != (0, 0, *image.size) or {'interlace', 'transparency'} & image.info.keys():
        return None
    if image.mode == 'P' and (not image.palette or len(image.palette.palette) not in range(3, 769, 3)):
        return None
    start, parts = offset - 8, []
    while content[start + 4 : start + 8] == b'IDAT':
        end = start + 8 + int.from_bytes(content[start : start + 4], 'big')
        parts.append(content[start + 8 : end])
        start = end + 4
    if content[start : start + 8] != b'\0\0\0\0IEND':  # truncated; or what follows may be wrong, or another frame
        return None
    size = height * (1 + width * channels)
    inflater = isal_zlib.decompressobj()
    rows = inflater.decompress(b''.join(parts), size + 1)
    if not inflater.eof or len(rows) != size:
        return None
    pixels: NDArray[Any]
    filtered = np.frombuffer(rows, np.uint8).reshape(height, -1)
    if filtered[:, 0].any():  # libspng undoes filters in no time, but inflates slowly: so it gets them uncompressed
        header = struct.pack('>IIBBBBB', width, height, 8, colour_type, 0, 0, 0)
        pixels = pyspng.load(_stored_png(rows, header)).reshape(height, width, channels)
    else:
        pixels = filtered[:, 1:].reshape(height, width, channels)
    return pixels if channels == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if channels == 3 else cv2.COLOR_RGBA2BGR)


def _stored_png(rows: bytes, header: bytes) -> bytes:
    parts = [b'\x89PNG\r\n\x1a\n']
    for name, data in ((b'IHDR', header), (b'IDAT', zlib.compress(rows, 0)), (b'IEND', b'')):
        checksum = isal_zlib.crc32(data, isal_zlib.crc32(name))
        parts += [struct.pack('>I', len(data)), name, data, struct.pack('>I', checksum)]
    return b''.join(parts)


def _raw_mode(image: Image.Image) -> str:
    """Return how the pixels lie in the file: Pillow cuts 16-bit colours to 8 bits and stretches 2-bit greys."""
    tile = getattr(image, 'tile', None)
    arguments = tile[0][3] if tile else ''
    return arguments if isinstance(arguments, str) else str(arguments[0])


def read_label(path: str | Path, rule: LabelRule, content: bytes | None = None) -> NDArray[np.uint8]:
    """Return a label as class indices, uint8 (H, W), decoded by ``rule``.

    Args:
        path: the file.
        rule: how its pixels become classes.
        content: what is in the file, where it was read already.

    Raises:
        LabelError: the file is missing or damaged, has several pages, is of another form than the rule's, or holds a
            value or colour that is not a class; names the file, the value and its position.
        StackError: it is georeferenced, and the extra ``geo`` is not installed.
    """
    if is_for_gdal(path, LabelError):
        from mmseg_aux_hrnet.raster.tile import read_label_pixels

        try:
            decode = partial(decode_placed, read_label_pixels(path))
        except RasterError as error:
            raise LabelError(str(error)) from error
    else:
        decode = partial(decode_pixels, *_plain_pixels(path, content))
    try:
        return decode(rule)
    except LabelError as error:
        raise LabelError(f'{path}: {error}') from error


def _plain_pixels(path: str | Path, content: bytes | None) -> tuple[NDArray[Any], str, NDArray[np.uint8]]:
    """Return what a label file holds before any rule: pixels, their mode, colours of its palette (N, 3)."""
    image = _open(path, content, LabelError)
    if '16' in _raw_mode(image) or _raw_mode(image) in STRETCHED_GREYS:
        raise LabelError(f'{path} has pixels of mode {_raw_mode(image)}: save it as an 8-bit palette or grey PNG')
    fast = _decode_fast(image)
    try:
        if fast is None:
            pixels = np.asarray(_upright(image))
            colours = bytes(image.getpalette('RGB') or [])  # none where the file's are lost
        else:
            pixels = fast if fast.ndim == 2 else fast[..., ::-1]
            colours = bytes(image.palette.palette) if image.palette else b''
    except DAMAGE as error:
        raise LabelError(f'{path} cannot be decoded ({error!r}): it is damaged, replace it') from error
    return pixels, image.mode, np.frombuffer(colours, np.uint8).reshape(-1, 3)


def refuse_masks_as_index(
    paths: Sequence[str], rule: LabelRule, *, read: Callable[[str, LabelRule], NDArray[np.uint8]] = read_label
) -> None:
    """Raise where the labels of a list look like masks of 0 and 255, all of whose foreground would be ignored.

    Looks at up to 64 labels, evenly spread, and stops at the first that holds a class above 0. Where the rule says the
    class of each value, there is nothing to guess.

    Raises:
        LabelError: of those labels some hold the ignored value and none holds a class above 0.
    """
    if rule.label_values is not None:
        return
    ignored, background = False, False
    step = -(-len(paths) // MASK_SAMPLE) or 1
    for path in paths[::step]:
        present = np.flatnonzero(np.bincount(read(path, rule).ravel(), minlength=256))
        if any(0 < value < rule.num_classes for value in present):
            return
        ignored, background = ignored or rule.ignore_index in present, background or 0 in present
    if ignored and not background:
        raise LabelError(
            f'{paths[0]} and the other labels hold only {rule.ignore_index}, which is ignored, so no pixel would '
            "count: correct the folder or the files; masks of 0 and 255 need label_format='binary'"
        )
    if ignored:
        raise LabelError(
            f'{paths[0]} and the other labels hold only 0 and {rule.ignore_index}, so all but the background would be '
            "ignored: masks of 0 and 255 need label_format='binary', as one-channel files"
        )


def _open(path: str | Path, content: bytes | None, error_type: type[DataError]) -> Image.Image:
    try:
        return Image.open(path if content is None else BytesIO(content))
    except FileNotFoundError as error:
        raise error_type(f'{path} does not exist') from error
    except UnidentifiedImageError as error:
        raise error_type(
            f'{path} is damaged, or of a kind that is not read here: save it as 8-bit PNG, JPEG or TIFF'
        ) from error
    except Image.DecompressionBombError as error:
        raise error_type(f'{path} is too large for one tile ({error}): cut it into tiles') from error
    except DAMAGE as error:
        raise error_type(f'{path} cannot be opened ({error})') from error
