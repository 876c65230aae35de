"""Images and annotations as a data set: splits, cuts, images that are turned, and what is said of them."""

import json
from zlib import crc32

import numpy as np
import pytest
from PIL import Image
from tool_support import heard

from mmseg_aux_hrnet.datasets.description import read_description
from mmseg_aux_hrnet.datasets.tiles import read_rgb
from mmseg_aux_hrnet.errors import ConfigError, DataError, SplitError
from mmseg_aux_hrnet.labelling.class_rules import class_rules
from mmseg_aux_hrnet.labelling.image_plan import plan_images, tile_stems
from mmseg_aux_hrnet.labelling.image_tiles import make_image_tiles
from mmseg_aux_hrnet.labelling.request import TileRequest

SQUARE = [[2, 1], [5, 1], [5, 3], [2, 3]]


@pytest.fixture
def images(tmp_path):
    return tmp_path / 'images'


def write(images, name, *shapes, size=(8, 6), **said):
    """Write an image of random colours and, beside its folder, what labelme writes; ``shapes`` are (label, points)."""
    path = images / name
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(crc32(name.encode()))
    Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), np.uint8)).save(path, **said)
    notes = images.parent / 'notes' / f'{name}.json'
    notes.parent.mkdir(parents=True, exist_ok=True)
    drawn = [{'label': label, 'points': points} for label, points in shapes]
    notes.write_text(json.dumps({'imagePath': path.name, 'shapes': drawn}))


def request(images, **options):
    said = {'classes': 'background,green', 'ratio': (0.5, 0.5, 0), 'image_format': 'png', **options}
    return TileRequest(annotations=(str(images.parent / 'notes'),), images=images, **said)


def plan(images, **options):
    asked = request(images, **options)
    rules = class_rules(
        classes=asked.classes,
        class_map=asked.class_map,
        paint_order=asked.paint_order,
        unlabelled=asked.unlabelled,
    )
    return plan_images(asked, rules)


def cut(images, root, **options):
    """Make a data root and return label, pixels and split of each tile, by its name."""
    make_image_tiles(root, request(images, **options))
    paths = sorted((root / 'labeldata').rglob('*.png'))
    labels = {path.stem: np.asarray(Image.open(path)) for path in paths}
    pixels = {path.stem: read_rgb(path) for path in sorted((root / 'rawdata').rglob('*.*'))}
    return labels, pixels, {path.stem: path.parent.name for path in paths}


def test_images_become_tiles_as_they_are(images, tmp_path):
    write(images, 'a.png', ('green', SQUARE))
    write(images, 'b.png')
    labels, pixels, splits = cut(images, tmp_path / 'root')
    expected = np.zeros((6, 8), np.uint8)
    expected[1:3, 2:5] = 1
    assert np.array_equal(labels['a'], expected) and not labels['b'].any()
    assert np.array_equal(pixels['a'], read_rgb(images / 'a.png'))
    assert sorted(splits.values()) == ['train', 'val']


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'tif'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_annotations_are_of_the_image_as_it_is_turned(images, tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    write(images, f'a.{suffix}', ('green', SQUARE), exif=exif)
    write(images, 'b.png')
    labels, pixels, _ = cut(images, tmp_path / 'root')
    height, width = (8, 6) if orientation > 4 else (6, 8)
    assert labels['a'].shape == (height, width)
    assert labels['a'][1:3, 2:5].all() and labels['a'].sum() == 6
    assert np.array_equal(pixels['a'], read_rgb(images / f'a.{suffix}'))


def test_large_images_are_cut_and_stay_in_one_split(images, tmp_path):
    for name in 'abcd':
        write(images, f'{name}.png', ('green', [[0, 0], [69.3, 0], [0, 50.1]]), size=(70, 50))
    labels, pixels, splits = cut(images, tmp_path / 'root', tile=32, overlap=4)
    places = {f'{top:05d}_{left:05d}' for top in (0, 18) for left in (0, 28, 38)}
    assert {stem[2:] for stem in splits} == places
    assert all(len({splits[stem] for stem in splits if stem[0] == name}) == 1 for name in 'abcd')
    whole = read_rgb(images / 'a.png')
    for top in (0, 18):
        for left in (0, 28, 38):
            tile = pixels[f'a_{top:05d}_{left:05d}']
            assert np.array_equal(tile, whole[top : top + 32, left : left + 32])
            centres = np.add.outer((np.arange(32) + top + 0.5) / 50.1, (np.arange(32) + left + 0.5) / 69.3)
            assert np.array_equal(labels[f'a_{top:05d}_{left:05d}'], centres < 1)


def test_classes_are_painted_in_the_order_of_the_file_or_of_the_classes(images, tmp_path):
    write(images, 'a.png', ('tree', SQUARE), ('path', SQUARE))
    write(images, 'b.png')
    options = {'class_map': 'tree=green,path=background'}
    assert cut(images, tmp_path / '1', **options)[0]['a'].sum() == 0
    assert cut(images, tmp_path / '2', paint_order='background,green', **options)[0]['a'].sum() == 6
    assert cut(images, tmp_path / '3', paint_order='green,background', **options)[0]['a'].sum() == 0


def test_what_is_unlabelled_may_be_ignored(images, tmp_path):
    for name in 'ab':
        write(images, f'{name}.png', ('green', SQUARE))
    write(images, 'c.png')
    labels, _, _ = cut(images, tmp_path / 'root', unlabelled='ignore')
    assert sorted(labels) == ['a', 'b']
    assert np.unique(labels['a']).tolist() == [1, 255]
    assert '1 image without annotations, left out: c.png' in plan(images, unlabelled='ignore').notes


def test_notes_say_what_is_missing_and_bare(images):
    for name in 'abc':
        write(images, f'{name}.png', ('green', SQUARE if name == 'a' else SQUARE[:2]))
    (images / 'b.png').unlink()
    assert plan(images).notes == [
        '2 polygons of fewer than three points or no area, left out',
        f'1 annotated image not in {images}: b.png',
        '1 image without annotations, all background: c.png',
        'later annotations lie over earlier ones (--paint-order)',
        'splits by image, seed 0',
    ]


@pytest.mark.parametrize('folders', ['train val test', 'train2017 val2017', 'Train valid test'])
def test_folders_of_images_are_their_splits(images, folders):
    folders = folders.split()
    for folder in folders:
        write(images, f'{folder}/images/{folder}.png', ('green', SQUARE))
    planned = plan(images, ratio=None)
    assert {name.split('/')[0]: split for name, split in planned.splits.items()} == {
        folder: folder.lower()[:3].replace('tra', 'train').replace('tes', 'test') for folder in folders
    }
    with pytest.raises(ConfigError, match='is already divided'):
        plan(images)
    write(images, 'z.png')
    with pytest.raises(SplitError, match='1 image in none: z.png'):
        plan(images, ratio=None)


def test_scenes_stay_in_one_split(images):
    for scene in 'abc':
        for number in range(3):
            write(images, f'{scene}{number}.png', ('green', SQUARE))
    splits = plan(images, scene='^.').splits
    assert all(len({splits[f'{scene}{number}.png'] for number in range(3)}) == 1 for scene in 'abc')
    assert set(splits.values()) == {'train', 'val'}


def test_a_scene_in_folders_of_two_splits_is_refused(images):
    for folder in ('train', 'val'):
        write(images, f'{folder}/a_{folder}.png', ('green', SQUARE))
    assert plan(images, ratio=None).splits == {'train/a_train.png': 'train', 'val/a_val.png': 'val'}
    with pytest.raises(SplitError, match='scene "a" is in train and in val'):
        plan(images, ratio=None, scene='([a-z])_')


def test_copies_of_an_image_are_told_and_may_not_be_in_two_splits(images):
    for folder in ('train', 'val'):
        for name in 'ab':
            write(images, f'{folder}/{folder}_{name}.png', ('green', SQUARE))
    (images / 'train/train_b.png').write_bytes((images / 'train/train_a.png').read_bytes())
    notes = plan(images, ratio=None).notes
    assert notes[0] == '1 image there more than once: train/train_a.png = train/train_b.png'
    (images / 'val/val_b.png').write_bytes((images / 'train/train_a.png').read_bytes())
    with pytest.raises(
        SplitError, match='train_a.png and val/val_b.png in .* are the same file, for train and for val'
    ):
        plan(images, ratio=None)


def test_outlines_outside_of_their_images_are_told(images, tmp_path):
    beyond = [[x + 8, y] for x, y in SQUARE]
    write(images, 'a.png', ('green', SQUARE), ('green', beyond))
    write(images, 'b.png', ('green', beyond))
    outcome = make_image_tiles(tmp_path / 'root', request(images))
    assert outcome.notes[-1] == '2 outlines outside of the image: a.png, b.png'


def test_unknown_names_are_listed(images):
    write(images, 'a.png', ('green', SQUARE), ('tree', SQUARE), ('tree', SQUARE), ('car', SQUARE))
    write(images, 'b.png')
    with pytest.raises(DataError, match=r'2 values without a class: tree \(2x\), car \(1x\); name each'):
        plan(images)
    found = plan(images, class_map='tree=green,*=ignore').indices
    assert found == {'green': 1, 'tree': 1, 'car': 255}


def test_what_cannot_be_planned_is_refused(images):
    write(images, 'a.png')
    with pytest.raises(ConfigError, match='no class is called background'):
        plan(images, classes='green,roof')
    with pytest.raises(DataError, match='no image of .* has annotations'):
        plan(images, unlabelled='ignore')
    with pytest.raises(SplitError, match='1 scene cannot fill 2 splits'):
        plan(images)


def test_stems_have_folders_where_names_are_not_unique():
    assert tile_stems(['x/a.png', 'y/A.jpg', 'y/b.png']) == {'x/a.png': 'x_a', 'y/A.jpg': 'y_A', 'y/b.png': 'b'}


def tool(images, *args):
    notes = images.parent / 'notes'
    return heard('make_tiles', '--annotations', notes, '--images', images, '--classes', 'background,green', *args)


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob('*')) if path.is_file()}


def test_the_tool_writes_a_data_root_and_the_same_again(images, tmp_path):
    for name in 'abcd':
        write(images, f'{name}.png', ('green', SQUARE))
    done = tool(images, '--ratio', '0.5', '0.25', '0.25', '--out', tmp_path / 'root')
    assert (done.returncode, done.stderr.splitlines()) == (
        0,
        [
            'note: later annotations lie over earlier ones (--paint-order)',
            'note: splits by image, seed 0',
        ],
    )
    assert f'{tmp_path / "root"} is made; next:' in done.stdout
    described = read_description(tmp_path / 'root')
    assert described.record['splits']['train'] == {'tiles': 2, 'pixels': {'background': 84, 'green': 12}, 'ignored': 0}
    made_by = described.record['made_by']
    assert [entry['name'] for entry in made_by['inputs']] == [
        *(f'{name}.png' for name in 'abcd'),
        *(f'{name}.png.json' for name in 'abcd'),
    ]
    assert (described.gsd, described.crs, described.dtype) == (None, None, 'uint8')
    before = contents(tmp_path / 'root')
    assert {path.name for path in before} >= {'dataset.json', 'contact_sheet.png', 'train.txt', 'val.txt', 'test.txt'}
    again = tool(images, '--ratio', '0.5', '0.25', '0.25', '--out', tmp_path / 'root', '--overwrite')
    assert again.returncode == 0
    changed = [path for path, content in contents(tmp_path / 'root').items() if before[path] != content]
    assert changed == [next(path for path in before if path.name == 'dataset.json')]  # it holds the command


def test_a_dry_run_writes_nothing(images, tmp_path):
    for name in 'ab':
        write(images, f'{name}.png', ('green', SQUARE))
    done = tool(images, '--ratio', '0.5', '0.5', '0', '--out', tmp_path / 'root', '--dry-run')
    assert done.returncode == 0 and 'train' in done.stdout
    assert not (tmp_path / 'root').exists()


def test_a_damaged_image_is_named_and_the_others_are_finished(images, tmp_path):
    for name in 'abc':
        write(images, f'{name}.png', ('green', SQUARE))
    (images / 'b.png').write_bytes((images / 'b.png').read_bytes()[:90])
    done = tool(images, '--ratio', '1', '0', '0', '--out', tmp_path / 'root')
    assert done.returncode == 2
    assert 'b.png' in done.stderr.splitlines()[-1] and 'the tiles of the others are in' in done.stderr
    assert sorted(path.stem for path in (tmp_path / 'root/rawdata/train').iterdir()) == ['a', 'c']
    assert read_description(tmp_path / 'root').record['made_by']['left_out'] == ['b.png']


def test_tiles_without_foreground_are_drawn_and_layouts_and_formats_chosen(images, tmp_path):
    for name in 'abcdef':
        write(images, f'{name}.png', *([('green', SQUARE)] if name in 'ab' else []))
    options = ('--keep-empty', '0.5', '--ratio', '1', '0', '0', '--layout', 'urbanisation', '--format', 'jpg')
    done = tool(images, *options, '--out', tmp_path / 'root')
    assert done.returncode == 0 and 'note: 2 tiles left out: without foreground' in done.stderr
    stems = sorted(path.name for path in (tmp_path / 'root/x/train').iterdir())
    assert len(stems) == 4 and stems[:2] == ['a.jpg', 'b.jpg']


def test_what_does_not_fit_together_gives_one_line(images, tmp_path):
    write(images, 'a.png', ('green', SQUARE))
    write(images, 'b.png', ('green', SQUARE))
    root = tmp_path / 'root'
    for args, said in (
        (['--gsd', '1', '--block', '5'], '--block, --gsd: this is for rasters'),
        (['ortho.tif'], 'give RASTERS with --labels, or --images with --annotations'),
        (['--labels', 'a.gpkg'], 'give RASTERS with --labels, or --images with --annotations'),
        (['--format', 'tif'], '--format tif is for tiles of rasters'),
        (['--ignore', 'boxes'], '--ignore boxes is not a kind'),
        (['--tile', '0'], '--tile 0'),
        (['--scene', '('], 'is not a regular expression'),
        (['--class-map', 'green'], 'is not NAME=VALUE'),
    ):
        done = tool(images, '--out', root, *args)
        assert done.returncode == 2, args
        assert said in done.stderr.splitlines()[-1], args
        assert not root.exists()
    rasters = heard('make_tiles', 'ortho.tif', '--labels', 'a.gpkg', '--scene', 'x', '--out', root)
    assert '--scene: this is for images with --annotations' in rasters.stderr


def test_an_image_of_another_size_than_annotated_leaves_nothing(images, tmp_path):
    for name in 'ab':
        write(images, f'{name}.png', ('green', SQUARE))
    notes = images.parent / 'notes/b.png.json'
    notes.write_text(json.dumps({**json.loads(notes.read_text()), 'imageWidth': 6, 'imageHeight': 8}))
    done = tool(images, '--ratio', '1', '0', '0', '--out', tmp_path / 'root')
    assert done.returncode == 2
    assert (
        'b.png is annotated as 6x8 pixels, and the image has 8x6 (width x height): if its EXIF tag turns it'
        in done.stderr
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ['images', 'notes']
