"""Images and annotations as a data set: splits, cuts, images that are turned, and what is said of them."""

import json

import numpy as np
import pytest
from PIL import Image

from mmseg_aux_hrnet.datasets.tiles import read_rgb
from mmseg_aux_hrnet.errors import ConfigError, DataError, SplitError
from mmseg_aux_hrnet.labelling.class_rules import class_rules
from mmseg_aux_hrnet.labelling.image_tiles import plan_images, tile_stems, write_image_tiles
from mmseg_aux_hrnet.labelling.writing import TileStore

SQUARE = [[2, 1], [5, 1], [5, 3], [2, 3]]


def rules(**options):
    return class_rules(**{'classes': 'background,green', 'class_map': None, **options})


@pytest.fixture
def images(tmp_path):
    return tmp_path / 'images'


def write(images, name, *shapes, size=(8, 6), **said):
    """Write an image of random colours and, beside its folder, what labelme writes; ``shapes`` are (label, points)."""
    path = images / name
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(sum(map(ord, name)))
    Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), np.uint8)).save(path, **said)
    notes = images.parent / 'notes' / f'{name}.json'
    notes.parent.mkdir(parents=True, exist_ok=True)
    drawn = [{'label': label, 'points': points} for label, points in shapes]
    notes.write_text(json.dumps({'imagePath': path.name, 'shapes': drawn}))


def plan(images, *, options=None, **said):
    said = {'ratios': (0.5, 0.5, 0), 'seed': 0, 'scene': None, **said}
    return plan_images([images.parent / 'notes'], images, rules=rules(**(options or {})), **said)


def cut(images, root, *, options=None, tile=512, overlap=0, in_order_of_file=True, **said):
    """Write tiles and return the label of each, by its name."""
    planned = plan(images, options=options, **said)
    store = TileStore(root, classes=rules().classes, layout='singlegreen')
    splits = write_image_tiles(
        planned,
        store,
        rules=rules(**(options or {})),
        in_order_of_file=in_order_of_file,
        tile=tile,
        overlap=overlap,
        on_image=lambda done, total: None,
    )
    assert set(splits) == set(store.tiles)
    labels = {stem: np.asarray(Image.open(store.label_path(tile))) for stem, tile in store.tiles.items()}
    pixels = {stem: read_rgb(store.path(tile)) for stem, tile in store.tiles.items()}
    return labels, pixels, splits


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
    assert {stem[2:] for stem in splits} == {f'r{row}c{column}' for row in range(2) for column in range(3)}
    assert all(len({splits[stem] for stem in splits if stem[0] == name}) == 1 for name in 'abcd')
    whole = read_rgb(images / 'a.png')
    for row, top in enumerate((0, 18)):
        for column, left in enumerate((0, 28, 38)):
            tile = pixels[f'a_r{row}c{column}']
            assert np.array_equal(tile, whole[top : top + 32, left : left + 32])
            centres = np.add.outer((np.arange(32) + top + 0.5) / 50.1, (np.arange(32) + left + 0.5) / 69.3)
            assert np.array_equal(labels[f'a_r{row}c{column}'], centres < 1)


def test_classes_are_painted_in_the_order_of_the_file_or_of_the_classes(images, tmp_path):
    write(images, 'a.png', ('tree', SQUARE), ('path', SQUARE))
    write(images, 'b.png')
    options = {'class_map': 'tree=green,path=background'}
    assert cut(images, tmp_path / '1', options=options)[0]['a'].sum() == 0
    assert cut(images, tmp_path / '2', options=options, in_order_of_file=False)[0]['a'].sum() == 6
    options['paint_order'] = 'green,background'
    assert cut(images, tmp_path / '3', options=options, in_order_of_file=False)[0]['a'].sum() == 0


def test_what_is_unlabelled_may_be_ignored(images, tmp_path):
    for name in 'ab':
        write(images, f'{name}.png', ('green', SQUARE))
    write(images, 'c.png')
    options = {'unlabelled': 'ignore'}
    labels, _, _ = cut(images, tmp_path / 'root', options=options)
    assert list(labels) == ['a', 'b']
    assert np.unique(labels['a']).tolist() == [1, 255]
    assert '1 images have no annotations and are left out: c.png' in plan(images, options=options).notes


def test_notes_say_what_is_missing_and_bare(images):
    for name in 'abc':
        write(images, f'{name}.png', ('green', SQUARE if name == 'a' else SQUARE[:2]))
    (images / 'b.png').unlink()
    assert plan(images, ratios=(0.5, 0.5, 0)).notes == [
        '2 polygons have fewer than three points or no area, and are left out',
        f'1 annotated images are not in {images}: b.png',
        '1 images have no annotations and are all background: c.png',
        'images are divided by image, with seed 0',
    ]


@pytest.mark.parametrize('folders', ['train val test', 'train2017 val2017', 'Train valid test'])
def test_folders_of_images_are_their_splits(images, folders):
    folders = folders.split()
    for folder in folders:
        write(images, f'{folder}/images/{folder}.png', ('green', SQUARE))
    planned = plan(images, ratios=None)
    assert {name.split('/')[0]: split for name, split in planned.splits.items()} == {
        folder: folder.lower()[:3].replace('tra', 'train').replace('tes', 'test') for folder in folders
    }
    with pytest.raises(ConfigError, match='is divided already'):
        plan(images)
    write(images, 'z.png')
    with pytest.raises(SplitError, match='1 images are in none: z.png'):
        plan(images, ratios=None)


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
    assert plan(images, ratios=None).splits == {'train/a_train.png': 'train', 'val/a_val.png': 'val'}
    with pytest.raises(SplitError, match='scene "a" is in train and in val'):
        plan(images, ratios=None, scene='([a-z])_')


def test_unknown_names_are_listed(images):
    write(images, 'a.png', ('green', SQUARE), ('tree', SQUARE), ('tree', SQUARE), ('car', SQUARE))
    write(images, 'b.png')
    with pytest.raises(DataError, match=r'2 value.s. are of no class: tree \(2x\), car \(1x\); name each'):
        plan(images)
    found = plan(images, options={'class_map': 'tree=green,*=ignore'}).indices
    assert found == {'green': 1, 'tree': 1, 'car': 255}


def test_what_cannot_be_planned_is_refused(images):
    write(images, 'a.png')
    with pytest.raises(ConfigError, match='no class is called background'):
        plan(images, options={'classes': 'green,roof'})
    with pytest.raises(DataError, match='no image of .* has an annotation'):
        plan(images, options={'unlabelled': 'ignore'})
    with pytest.raises(SplitError, match='1 scenes cannot fill 2 splits'):
        plan(images)


def test_stems_have_folders_where_names_are_not_unique():
    assert tile_stems(['x/a.png', 'y/A.jpg', 'y/b.png']) == {'x/a.png': 'x_a', 'y/A.jpg': 'y_A', 'y/b.png': 'b'}
