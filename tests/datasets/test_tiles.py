import itertools
import struct
import zlib
from io import BytesIO

import cv2
import mmcv
import numpy as np
import pytest
from PIL import Image

from mmseg_aux_hrnet.datasets import tiles
from mmseg_aux_hrnet.datasets.label_rules import label_rule
from mmseg_aux_hrnet.datasets.tiles import read_bgr, read_label, read_rgb, refuse_masks_as_index
from mmseg_aux_hrnet.errors import DataError, ImageError, LabelError
from mmseg_aux_hrnet.files.label_png import write_label_png

PALETTE = [[0, 0, 0], [128, 0, 0]]
RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
MASK = np.random.default_rng(1).integers(0, 2, (6, 8)).astype(np.uint8)


def rule(form):
    return label_rule(form, PALETTE)


@pytest.mark.parametrize('suffix', ['png', 'tif', 'tiff', 'bmp'])
def test_rgb_is_read_exactly(tmp_path, suffix):
    Image.fromarray(RGB).save(tmp_path / f'a.{suffix}')
    assert np.array_equal(read_rgb(tmp_path / f'a.{suffix}'), RGB)


def test_alpha_of_a_png_is_dropped(tmp_path):
    Image.fromarray(np.dstack([RGB, np.full((6, 8), 7, np.uint8)])).save(tmp_path / 'a.png')
    assert np.array_equal(read_rgb(tmp_path / 'a.png'), RGB)


def test_grey_becomes_three_channels(tmp_path):
    Image.fromarray(RGB[..., 0]).save(tmp_path / 'a.png')
    assert np.array_equal(read_rgb(tmp_path / 'a.png'), np.dstack([RGB[..., 0]] * 3))


@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize('suffix', ['png', 'tif'])
def test_sixteen_bits_are_refused(tmp_path, suffix, channels):
    path = tmp_path / f'a.{suffix}'
    pixels = np.full((6, 8, channels), 1500, np.uint16)
    cv2.imwrite(str(path), pixels.squeeze())
    with pytest.raises(ImageError, match=rf'a\.{suffix}.*(16.*8-bit RGB|4 bands)'):
        read_rgb(path)
    with pytest.raises(LabelError, match='16.*8-bit'):
        read_label(path, rule('colour'))


@pytest.mark.parametrize('mode', ['RGBX', 'RGBA'])  # X: an extra band that is no alpha
def test_four_bands_are_refused(tmp_path, mode):
    path = tmp_path / 'rgbn.tif'
    four = np.dstack([RGB, RGB[..., :1]])
    Image.frombytes(mode, (8, 6), four.tobytes()).save(path)
    with pytest.raises(ImageError, match=r'rgbn\.tif has 4 bands.*red, green and blue'):
        read_rgb(path)


@pytest.mark.parametrize('name', ['naip_claremont_2020_rgbn_60cm', 'naip_north_dakota_2014_rgbn_5m'])
def test_a_real_four_band_raster_is_refused(shared, name):
    with pytest.raises(ImageError, match=rf'{name}.*(4 bands|kind)'):
        read_rgb(shared / 'data' / 'geotiff' / f'{name}.tif')


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def test_truncated_png_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / 'a.png')
    cut(tmp_path / 'a.png')
    with pytest.raises(ImageError, match=r'a\.png cannot be decoded.*damaged'):
        read_rgb(tmp_path / 'a.png')


def test_truncated_label_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 2, (64, 64)).astype(np.uint8)
    write_label_png(tmp_path / 'a.png', noise, PALETTE)
    cut(tmp_path / 'a.png')
    with pytest.raises(LabelError, match=r'a\.png cannot be decoded.*damaged'):
        read_label(tmp_path / 'a.png', rule('palette'))


@pytest.mark.parametrize(('content', 'message'), [(b'no image', 'damaged, or of a kind'), (None, 'does not exist')])
def test_no_image_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / 'a.png').write_bytes(content)
    with pytest.raises(ImageError, match=rf'a\.png.*{message}'):
        read_rgb(tmp_path / 'a.png')


def save_label(path, form):
    """Write MASK in the form that a rule declares."""
    if form == 'palette':
        write_label_png(path, MASK, PALETTE)
    elif form == 'colour':
        Image.fromarray(np.array(PALETTE, np.uint8)[MASK]).save(path)
    elif form == 'one bit':
        Image.fromarray(MASK.astype(bool)).save(path)
    else:
        Image.fromarray(MASK * {'index': 1, 'binary': 255}[form]).save(path)


@pytest.mark.parametrize(
    ('saved', 'declared'),
    [
        ('index', 'index'),
        ('palette', 'palette'),
        ('palette', 'index'),
        ('colour', 'colour'),
        ('binary', 'binary'),
        ('one bit', 'index'),
        ('one bit', 'binary'),
    ],
)
def test_label_is_decoded_by_the_declared_rule(tmp_path, saved, declared):
    save_label(tmp_path / 'a.png', saved)
    assert np.array_equal(read_label(tmp_path / 'a.png', rule(declared)), MASK)


@pytest.mark.parametrize(
    ('saved', 'declared', 'message'),
    [
        ('colour', 'index', r"a\.png: pixels are of mode RGB.*label_format to 'colour'"),
        ('index', 'palette', r"mode L.*label_format to 'index' or 'binary'"),
        ('palette', 'colour', r"mode P.*label_format to 'palette' or 'index'"),
    ],
)
def test_a_label_of_another_form_is_refused(tmp_path, saved, declared, message):
    save_label(tmp_path / 'a.png', saved)
    with pytest.raises(LabelError, match=message):
        read_label(tmp_path / 'a.png', rule(declared))


def test_sixteen_bit_label_is_refused(tmp_path):
    Image.fromarray(MASK.astype(np.uint16)).save(tmp_path / 'a.png')
    with pytest.raises(LabelError, match='I;16.*8-bit'):
        read_label(tmp_path / 'a.png', rule('index'))


def test_masks_of_0_and_255_are_not_taken_for_indices(tmp_path):
    paths = [str(tmp_path / f'{i}.png') for i in range(3)]
    for path in paths:
        save_label(path, 'binary')
    with pytest.raises(LabelError, match=r"0\.png.*label_format='binary'"):
        refuse_masks_as_index(paths, rule('index'))
    save_label(paths[2], 'index')
    refuse_masks_as_index(paths, rule('index'))  # one label with a class above 0 shows that 255 means ignored


def test_labels_that_are_ignored_as_a_whole_are_called_so(tmp_path):
    Image.fromarray(np.full((4, 4), 255, np.uint8)).save(tmp_path / 'a.png')
    with pytest.raises(LabelError, match=r'a\.png and the other labels hold only 255, which is ignored'):
        refuse_masks_as_index([str(tmp_path / 'a.png')], rule('index'))


def png(pixels, *, kind, depth=8, filters=(0,), more=(), tail=()):
    """Return a PNG of pixels as they are stored, (H, W, C); the filters of rows take turns and are not computed."""
    height, width = pixels.shape[0], pixels.shape[1] * 8 // depth
    rows = b''.join(bytes([name]) + row.tobytes() for name, row in zip(itertools.cycle(filters), pixels))
    header = struct.pack('>IIBBBBB', width, height, depth, kind, 0, 0, 0)
    data = zlib.compress(rows)
    chunks = [(b'IHDR', header), *more, (b'IDAT', data[:20]), (b'IDAT', data[20:]), *tail, (b'IEND', b'')]
    packed = [struct.pack('>I', len(d)) + n + d + struct.pack('>I', zlib.crc32(n + d)) for n, d in chunks]
    return b'\x89PNG\r\n\x1a\n' + b''.join(packed)


def saved(pixels, form, **options):
    file = BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def animation(width, height, x):
    frame = struct.pack('>IIIIIHHBB', 0, width, height, x, 0, 1, 1, 0, 0)
    return [(b'acTL', struct.pack('>II', 1, 0)), (b'fcTL', frame)]


def variants():
    """Return files by name: of every form that the fast decoders take, and of those next to them."""
    noise = np.random.default_rng(2).integers(0, 256, (24, 40, 4)).astype(np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    rgb, grey, mask = smooth[..., :3], smooth[..., 0], noise[..., :1] // 128
    turned = Image.Exif()
    turned[0x0112] = 6
    colours = (b'PLTE', bytes([0, 0, 0, 128, 0, 0]))
    files = {}
    for kind, channels in ((2, 3), (0, 1), (6, 4), (4, 2)):
        for filters in ([0], [1], [2], [3], [4], [4, 3, 2, 1, 0], [5]):
            files[f'png kind {kind} filters {filters}'] = png(noise[..., :channels], kind=kind, filters=filters)
    for name, settings in {
        'progressive': {'progressive': True},
        'restarts': {'restart_marker_blocks': 2},
        'turned': {'exif': turned},
        'best': {'quality': 100, 'subsampling': 0},
        'half': {'subsampling': 1},
        'rgb': {'keep_rgb': True},
    }.items():
        files[f'jpeg {name}'] = saved(rgb, 'JPEG', **settings)
    jpeg = saved(rgb, 'JPEG')
    cmyk = BytesIO()
    Image.fromarray(rgb).convert('CMYK').save(cmyk, 'JPEG')
    return files | {
        'jpeg': jpeg,
        'jpeg grey': saved(grey, 'JPEG'),
        'jpeg cmyk': cmyk.getvalue(),
        'jpeg and more': jpeg + b'more',
        'jpeg without end': jpeg[:-2],
        'png turned': saved(rgb, 'PNG', exif=turned),
        'png 16 bit': png(np.tile(rgb, (1, 2, 1)), kind=2, depth=16),
        'png text': png(rgb, kind=2, tail=[(b'tEXt', b'a\0b')]),
        'png transparent colour': png(rgb, kind=2, more=[(b'tRNS', bytes(6))]),
        'png short': png(rgb[:-1], kind=2).replace(struct.pack('>I', 23), struct.pack('>I', 24)),
        'png one frame': png(rgb, kind=2, more=animation(40, 24, 0)),
        'png small frame': png(rgb[:, :-2], kind=2, more=animation(36, 24, 2)),
        'palette': png(mask, kind=3, more=[colours]),
        'palette filtered': png(mask, kind=3, filters=[2, 0], more=[colours]),
        'palette transparent': png(mask, kind=3, more=[colours, (b'tRNS', b'\0\x80')]),
        'palette twice': png(mask, kind=3, more=[colours, (b'PLTE', colours[1][::-1])]),
        'palette missing': png(mask, kind=3),
        'palette cut': png(mask, kind=3, more=[(b'PLTE', colours[1][:-1])]),
        'palette long': png(mask, kind=3, more=[(b'PLTE', colours[1] * 150)]),
        'palette beyond': png(mask * 2, kind=3, more=[colours]),
        'index': saved(mask[..., 0], 'PNG'),
        'mask': saved(mask[..., 0] * 255, 'PNG'),
        'one bit': saved(mask[..., 0] > 0, 'PNG'),
        'colours': saved(np.array(PALETTE, np.uint8)[mask[..., 0]], 'PNG'),
    }


FILES = variants()
READERS = [read_bgr, read_rgb] + [
    lambda path, content, form=form: read_label(path, rule(form), content) for form in ('palette', 'index', 'colour')
]
with_fast = pytest.mark.skipif(not tiles.FAST, reason='needs the extra fast')


def outcomes(content, readers):
    """Return what each reader makes of a file: shape and bytes, or the text of its error."""
    found = []
    for reader in readers:
        try:
            pixels = reader('a', content)
        except DataError as error:
            found.append(str(error))
        else:
            found.append((pixels.shape, pixels.tobytes()))
    return found


def both(monkeypatch, content, readers=READERS):
    """Return the outcomes with the fast decoders, and with Pillow only."""
    with monkeypatch.context() as patch:
        fast = outcomes(content, readers)
        patch.setattr(tiles, 'FAST', '')
        return fast, outcomes(content, readers)


@with_fast
@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('name', FILES)
def test_fast_decoders_give_the_bytes_and_refusals_of_pillow(monkeypatch, name):
    fast, slow = both(monkeypatch, FILES[name])
    assert fast == slow


@with_fast
@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('name', ['jpeg', 'jpeg progressive', 'png kind 2 filters [4, 3, 2, 1, 0]', 'palette'])
def test_fast_decoders_give_no_pixels_of_damaged_files_that_pillow_refuses(monkeypatch, name):
    whole, readers = FILES[name], READERS[:3] if name == 'palette' else READERS[:1]
    cut = [whole[: len(whole) * part // 8] for part in range(1, 8)] + [whole[:-count] for count in range(1, 24)]
    flips = np.random.default_rng(3).integers(0, 8 * len(whole), 400)
    flipped = [int.from_bytes(whole, 'big') ^ (1 << int(bit)) for bit in flips]
    for damaged in cut + [number.to_bytes(len(whole), 'big') for number in flipped]:
        fast, slow = both(monkeypatch, damaged, readers)
        assert fast == slow


@with_fast
@pytest.mark.parametrize('name', ['jpeg', 'jpeg grey', 'png kind 6 filters [4]', 'palette', 'mask'])
def test_common_files_are_decoded_without_pillow(monkeypatch, name):
    monkeypatch.setattr(Image.Image, 'load', lambda self: pytest.fail('Pillow decodes'))
    reader = READERS[2 if 'palette' in name else 0]
    assert isinstance(outcomes(FILES[name], [reader])[0], tuple)


def test_two_bit_grey_labels_are_refused_because_they_come_stretched(tmp_path):
    (tmp_path / 'a.png').write_bytes(png(np.full((1, 1, 1), 0x1B, np.uint8), kind=0, depth=2))
    with pytest.raises(LabelError, match='L;2.*8-bit'):
        read_label(tmp_path / 'a.png', rule('index'))


def test_palette_masks_with_foreground_at_255_are_not_ignored_in_silence(tmp_path):
    Image.fromarray(MASK * 255).convert('P').save(tmp_path / 'a.png')
    white = label_rule('palette', [[0, 0, 0], [255, 255, 255]])
    with pytest.raises(LabelError, match=r"a\.png.*label_format='binary'"):
        refuse_masks_as_index([str(tmp_path / 'a.png')], white)


def optimised(path, greys, *, classes=2):
    """Write grey classes as a PNG optimiser does: as indices of a palette of these greys; return them as read."""
    pixels = np.random.default_rng(2).choice(np.array(greys, np.uint8), (6, 8))
    indices = np.searchsorted(np.sort(greys), pixels)
    image = Image.fromarray(np.argsort(greys).astype(np.uint8)[indices])
    image.putpalette(np.repeat(np.array(greys, np.uint8), 3).tobytes())
    image.save(path)
    assert Image.open(path).mode == 'P'
    return pixels, read_label(path, label_rule('index', [(i, 2 * i, i) for i in range(classes)]))


@pytest.mark.parametrize(
    ('greys', 'classes'), [([1, 0], 2), ([0, 255, 1], 2), ([1], 2), ([0, 2], 3), ([2, 0, 1], 3), ([4, 255, 0, 1], 5)]
)
def test_greys_that_are_classes_count_and_not_their_places_in_the_palette(tmp_path, greys, classes):
    wanted, got = optimised(tmp_path / 'a.png', greys, classes=classes)
    assert np.array_equal(got, wanted)


@pytest.mark.parametrize('greys', [[255, 0], [255], [200, 100]])
def test_other_greys_that_do_not_rise_from_black_are_refused(tmp_path, greys):
    with pytest.raises(LabelError, match=r'a\.png: its palette gives the indices .* the greys .* 8-bit grey PNG'):
        optimised(tmp_path / 'a.png', greys)


def test_white_on_black_is_a_colouring_of_indices(tmp_path):
    wanted, got = optimised(tmp_path / 'a.png', [0, 255])
    assert np.array_equal(got, wanted // 255)


def test_indices_with_the_colours_of_other_classes_are_refused(tmp_path):
    write_label_png(tmp_path / 'a.png', MASK, PALETTE[::-1])
    with pytest.raises(LabelError, match=r"indices \[0, 1\] the colours of the classes \[1, 0\].*'palette' reads"):
        read_label(tmp_path / 'a.png', rule('index'))
    assert np.array_equal(read_label(tmp_path / 'a.png', rule('palette')), 1 - MASK)


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('suffix', ['png', 'tif'])
def test_images_and_labels_are_turned_as_exif_says(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x112] = orientation
    Image.fromarray(RGB).save(tmp_path / f'i.{suffix}', exif=exif)
    Image.fromarray(MASK).save(tmp_path / f'l.{suffix}', exif=exif)
    turns = [0, 0, 2, 2, 3, 3, 1, 1][orientation - 1]
    for name, pixels, read in (('i', RGB, read_rgb), ('l', MASK, lambda path: read_label(path, rule('index')))):
        wanted = np.rot90(pixels, turns)
        wanted = {2: np.fliplr, 4: np.fliplr, 5: np.fliplr, 7: np.fliplr}.get(orientation, lambda x: x)(wanted)
        assert np.array_equal(read(tmp_path / f'{name}.{suffix}'), wanted)


def test_jpeg_is_turned_as_mmcv_does(tmp_path):
    exif = Image.Exif()
    exif[0x112] = 6
    Image.fromarray(np.kron(RGB, np.ones((8, 8, 1), np.uint8))).save(tmp_path / 'a.jpg', exif=exif)
    assert np.abs(read_rgb(tmp_path / 'a.jpg')[..., ::-1].astype(int) - mmcv.imread(str(tmp_path / 'a.jpg'))).max() < 9
