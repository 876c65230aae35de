"""Random inputs: every reader gives what it promises or one of the package's own errors, on one line, and no other."""

import io
import re
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image
from property_support import examples

from mmseg_aux_hrnet.datasets.label_rules import LABEL_FORMATS, label_rule
from mmseg_aux_hrnet.datasets.split_layouts import format_line
from mmseg_aux_hrnet.datasets.splits import SPLITS, divide, parse_line, read_split, scene_of, write_split, write_splits
from mmseg_aux_hrnet.datasets.tiles import read_label, read_rgb
from mmseg_aux_hrnet.errors import ConfigError, ImageError, LabelError, OutputExistsError, SplitError
from mmseg_aux_hrnet.evaluation.table import HEADLINES, check_headlines
from mmseg_aux_hrnet.run.config import parse_options
from mmseg_aux_hrnet.run.testing_config import SCALE_RANGE, parse_scales

ANY = st.characters(exclude_characters='\r\n')  # the tools fold breaks that somebody typed, see one_line
MODES = ('L', 'P', 'RGB', 'RGBA', 'LA', 'I;16', '1', 'CMYK')
PALETTE = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
FORMS = st.sampled_from(['txt', 'lst'])
# Pieces that mean something to one of the readers, so that inputs get further than random letters do.
PIECES = ['a', 'b', '.png', '.jpg', '.PNG', '/', '\\', '..', '.', ' ', '\t', 'x/a.png', 'y/a.png', 'C:/', 'ä', '木']
BREAKS = ['\n', '\r\n', '\r', '\n\n', '\ufeff', '\u2028', '\x0b', '\x85', '\0']
OPTION_PIECES = ['a', 'b.c', '=', '-', '--', '(', ')', '[', ']', ',', "'", '"', ' ', '1', '1e9', 'None', 'true']
PATTERN_PIECES = [
    'a',
    'b',
    '.',
    '(',
    ')',
    '|',
    '*',
    '+',
    '?',
    '[',
    ']',
    '{9}',
    '{99999999999}',
    '^',
    '$',
    '\\1',
    '(?i)',
]


def joined(pieces, *, most=12):
    """Strings of these pieces, and a few of any characters at all."""
    return st.lists(st.sampled_from(pieces), max_size=most).map(''.join) | st.text(ANY, max_size=most)


def assert_one_line(error, *, names=''):
    assert str(error)
    assert not re.search(r'[\r\n]', str(error))
    assert str(names) in str(error)


LISTS = st.binary(max_size=60) | joined(PIECES + BREAKS, most=30).map(
    lambda text: text.encode('utf-8', 'surrogatepass')
)


@examples(500)
@given(content=LISTS, form=FORMS)
def test_any_bytes_are_a_list_or_refused(content, form):
    with TemporaryDirectory() as folder:
        path = Path(folder, f'train.{form}')
        path.write_bytes(content)
        try:
            entries = read_split(path)
            assume(all(Path(entry.image).name.strip('.') for entry in entries))  # a stem no image can have
            lines = [format_line(e.image + '.png' * (form == 'txt'), e.label, form=form) for e in entries]
        except SplitError as error:
            return assert_one_line(error)
        write_split(path, lines, force=True)
        again = read_split(path)
    assert [entry[:2] for entry in again] == [entry[:2] for entry in entries]
    assert [entry.line for entry in again] == list(range(1, len(entries) + 1))


@examples(500)
@given(image=joined(PIECES).filter(str.strip), label=st.none() | joined(PIECES), form=FORMS)
def test_a_line_that_is_written_is_read_back(image, label, form):
    try:
        line = format_line(image, label, form=form)
    except SplitError as error:
        return assert_one_line(error)
    assert not re.search(r'[\r\n]', line)
    stem = re.sub(r'(?i)([^/.][^/]*)\.(png|jpe?g|tiff?|bmp)\Z', r'\1', image)
    assert parse_line(line, form=form) == ((stem, None) if form == 'txt' else (image, label))


@examples(500)
@given(text=joined(PIECES + BREAKS).filter(str.strip), form=FORMS)
def test_a_line_stays_below_the_data_root(text, form):
    try:
        paths = parse_line(text, form=form)
    except ValueError:
        return
    parts = [part for path in filter(None, paths) for part in path.split('/')]
    assert parts
    assert not {'', '.', '..'} & set(parts[:-1])
    assert '\\' not in ''.join(parts)


@examples(150)
@given(
    lists=st.dictionaries(
        st.sampled_from(['train.txt', 'val.txt', 'test.txt']),
        st.lists(st.sampled_from(['a', 'ä', 'b\udcff'])),
        min_size=1,
    ),
    present=st.booleans(),
    force=st.booleans(),
)
def test_refused_lists_leave_the_folder_as_it_was(lists, present, force):
    with TemporaryDirectory() as root:
        folder = Path(root, 'splits')
        if present:
            folder.mkdir()
            (folder / 'val.txt').write_text('old\n')
        before = {str(path): path.is_file() and path.read_bytes() for path in Path(root).rglob('*')}
        try:
            write_splits({folder / name: lines for name, lines in lists.items()}, force=force)
        except (SplitError, OutputExistsError) as error:
            assert_one_line(error)
            assert {str(path): path.is_file() and path.read_bytes() for path in Path(root).rglob('*')} == before
        else:
            assert {name: (folder / name).read_text(encoding='utf-8').split() for name in lists} == lists


@st.composite
def images(draw):
    """A file's bytes, its size (height, width) and whether it was left whole."""
    mode = draw(st.sampled_from(MODES))
    size = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.integers(0, draw(st.sampled_from([1, 2, 3, 256])), (*size, 4), dtype=np.int64)
    values[rng.random(size) < draw(st.sampled_from([0, 0.2]))] = 255
    file, kind = io.BytesIO(), 'TIFF' if mode == 'CMYK' else draw(st.sampled_from(['PNG', 'TIFF']))
    _picture(values, mode, colours=rng.integers(0, 256, (draw(st.integers(1, 256)), 3)), rng=rng).save(file, kind)
    content = bytearray(file.getvalue())
    damage = draw(st.sampled_from(['none', 'none', 'cut', 'flip']))
    if damage == 'cut':
        del content[draw(st.integers(0, len(content) - 1)) :]
    for place in (
        draw(st.lists(st.integers(0, len(content) * 8 - 1), min_size=1, max_size=4)) if damage == 'flip' else []
    ):
        content[place // 8] ^= 1 << place % 8
    return bytes(content), size, damage == 'none'


def _picture(values, mode, *, colours, rng):
    """Return a picture of the mode; a palette one with the classes' colours among these random ones."""
    grey = values[..., 0].astype(np.uint8)
    if mode == 'P':
        picture = Image.fromarray(grey, 'L')
        colours[: len(PALETTE)] = PALETTE[: len(colours)]
        picture.putpalette(colours.astype(np.uint8).tobytes())
        return picture
    if mode == 'I;16':
        return Image.fromarray(values[..., 0].astype(np.uint16) * 256)
    if mode == '1':
        return Image.fromarray(grey, 'L').convert('1')
    if mode == 'RGB' and rng.random() < 0.5:  # labels of the classes' colours
        return Image.fromarray(np.array(PALETTE, np.uint8)[grey % 3])
    bands = {'L': 1, 'RGB': 3, 'RGBA': 4, 'LA': 2, 'CMYK': 4}[mode]
    return Image.frombytes(mode, grey.shape[::-1], values[..., :bands].astype(np.uint8).tobytes())


def _written(content):
    folder = TemporaryDirectory()
    path = Path(folder.name, 'tile.png')
    path.write_bytes(content)
    return folder, path


@pytest.mark.filterwarnings('ignore')  # Pillow warns of damaged tags
@examples(700)
@given(image=images(), ignore=st.sampled_from([255, 0, 1, 7]))
@pytest.mark.parametrize('form', LABEL_FORMATS)
def test_a_label_is_classes_or_refused(form, image, ignore):
    content, size, whole = image
    rule = label_rule(form, PALETTE[:2] if form == 'binary' else PALETTE, ignore_index=ignore)
    folder, path = _written(content)
    with folder:
        try:
            label = read_label(path, rule)
        except LabelError as error:
            return assert_one_line(error, names=path)
    assert (label.dtype, label.ndim) == (np.uint8, 2)
    assert set(np.unique(label).tolist()) <= {*range(rule.num_classes), ignore}
    assert label.shape == size or not whole


@pytest.mark.filterwarnings('ignore')
@examples(700)
@given(image=images() | st.binary(max_size=40).map(lambda content: (content, None, False)))
def test_an_image_is_rgb_or_refused(image):
    content, size, whole = image
    folder, path = _written(content)
    with folder:
        try:
            pixels = read_rgb(path)
        except ImageError as error:
            return assert_one_line(error, names=path)
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape == (*size, 3) or not whole


@examples(150)
@given(
    form=st.sampled_from(LABEL_FORMATS),
    palette=st.lists(st.tuples(*[st.integers(-1, 256)] * 3), max_size=4),
    ignore=st.integers(-2, 258),
)
def test_a_rule_is_one_that_reads_or_is_refused(form, palette, ignore):
    folder = TemporaryDirectory()
    path = Path(folder.name, 'label.png')
    Image.new('P' if form == 'palette' else 'RGB' if form == 'colour' else 'L', (2, 2)).save(path)
    with folder:
        try:
            label = read_label(path, label_rule(form, palette, ignore_index=ignore))
        except (ConfigError, LabelError) as error:
            return assert_one_line(error)
    assert set(np.unique(label).tolist()) <= {*range(len(palette)), ignore}


@examples(300)
@given(text=joined(['1', '0.5', '.', ',', '-', 'nan', 'inf', '1e9', ' ', '_']) | st.text(ANY, max_size=6))
def test_scales_are_in_range_or_refused(text):
    try:
        scales = parse_scales(text)
    except ConfigError as error:
        return assert_one_line(error)
    assert len(scales) == text.count(',') + 1
    assert all(SCALE_RANGE[0] <= scale <= SCALE_RANGE[1] for scale in scales)


@examples(500)
@given(pairs=st.lists(joined(OPTION_PIECES), max_size=4))
def test_options_have_the_keys_given_or_are_refused(pairs):
    try:
        options = parse_options(pairs)
    except ConfigError as error:
        return assert_one_line(error)
    assert set(options) == {pair.split('=')[0] for pair in pairs}


@examples(150)
@given(names=st.lists(st.sampled_from(list(HEADLINES)) | st.text(ANY, max_size=5), max_size=4))
def test_headlines_are_known_or_refused(names):
    try:
        check_headlines(names)
    except ConfigError as error:
        return assert_one_line(error)
    assert set(names) <= set(HEADLINES)


@examples(400)
@given(
    names=st.sets(st.text('ab/1', min_size=1, max_size=4), max_size=20),
    ratios=st.lists(st.sampled_from([0, 0.7, 1, 15, 1e308, 5e-324]) | st.floats(), min_size=2, max_size=4),
    pattern=st.none() | st.sampled_from(['^.', '[ab]+', '(.).*']) | joined(PATTERN_PIECES, most=6),
    seed=st.integers(0, 3),
)
def test_a_division_parts_scenes_or_is_refused(names, ratios, pattern, seed):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of re: a pattern may mean something else in a later Python
        try:
            splits = divide(sorted(names), ratios=ratios, seed=seed, scene_pattern=pattern)
        except SplitError as error:
            return assert_one_line(error)
        scenes = [{n if pattern is None else scene_of(n, pattern) for n in splits[split]} for split in SPLITS]
    assert sorted(name for split in SPLITS for name in splits[split]) == sorted(names)
    assert sum(map(len, scenes)) == len(set().union(*scenes))
    assert [bool(part) for part in scenes] == [ratio > 0 for ratio in ratios]
