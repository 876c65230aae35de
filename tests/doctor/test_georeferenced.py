"""Georeferenced tiles in the doctor: pairs by place, ground in two splits, masks, and what --fix does with them."""

import numpy as np
import pytest
import rasterio
from doctor_support import examined, found, mask, scene
from PIL import Image
from raster_support import METRE, write_raster

from mmseg_aux_hrnet.doctor.fixing import write_copy

SIDE = 40  # pixels and metres
SPLIT_OF = ('train', 'train', 'train', 'val', 'test', 'test')


def write_placed(root, *, step=SIDE, crs=lambda index: 'EPSG:32633', label=lambda index: {}, **options):
    """Write six georeferenced tiles in a row, ``step`` metres apart: 3 of train, 1 of val, 2 of test.

    Args:
        root: of the data set.
        step: metres from one tile to the next.
        crs: reference system of a tile.
        label: of a tile, how its label is stored otherwise than its image.
        options: of the images.
    """
    (root / 'splits').mkdir(parents=True)
    for index, split in enumerate(SPLIT_OF):
        transform = METRE @ METRE.translation(index * step, 0)
        for folder in ('rawdata', 'labeldata'):
            (root / folder / split).mkdir(parents=True, exist_ok=True)
        where = {'transform': transform, 'crs': crs(index)}
        image = np.moveaxis(scene(index, (SIDE, SIDE)), -1, 0)
        write_raster(root / f'rawdata/{split}/t{index}.tif', image, **where, **options)
        classes, changed = mask(index, (SIDE, SIDE)), dict(label(index))
        classes = changed.pop('stored', lambda values: values)(classes)
        write_raster(root / f'labeldata/{split}/t{index}.tif', classes, **{**where, **changed})
        with (root / f'splits/{split}.txt').open('a', encoding='utf-8') as file:
            file.write(f't{index}\n')
    return root


def check(root):
    return examined(root, label_formats=('index',))


def one(checkup, key, split):
    (finding,) = [finding for finding in checkup.findings if (finding.key, finding.split) == (key, split)]
    return finding


def test_georeferenced_tiles_side_by_side_have_no_fault(tmp_path):
    checkup = check(write_placed(tmp_path))
    assert {level for level, *_ in found(checkup)} <= {'note'}
    assert [tile.image.mode for tile in checkup.tiles] == ['GeoTIFF'] * 6


@pytest.mark.parametrize('options', [{'compress': 'lerc'}, {'photometric': 'minisblack'}])
def test_tiles_that_pillow_cannot_read_have_no_fault(tmp_path, options):
    checkup = check(write_placed(tmp_path, label=lambda index: {'compress': 'lerc'}, **options))
    assert checkup.faults == 0
    assert {tile.label_kind for tile in checkup.tiles} == {'grey'}
    assert {tile.label_values for tile in checkup.tiles} == {('0', '1')}


@pytest.mark.parametrize(
    'away', [{'transform': METRE @ METRE.translation(10, 0)}, {'crs': 'EPSG:32632'}], ids=['ten pixels', 'a zone']
)
def test_labels_at_another_place_are_a_fault(tmp_path, away):
    checkup = check(write_placed(tmp_path, label=lambda index: away if index == 0 else {}))
    finding = one(checkup, 'place', 'train')
    assert (finding.level, finding.what) == ('fault', '1 label at another place than the image')
    assert finding.files[0].startswith('labeldata/train/t0.tif lies at another place than rawdata/train/t0.tif: its')
    assert checkup.faults == 1


def south_up(index):
    transform = METRE @ METRE.translation(index * SIDE, SIDE) @ METRE.scale(1, -1)
    return {'transform': transform, 'stored': lambda values: values[::-1]}


def test_labels_that_are_stored_south_up_are_turned_and_noted(tmp_path):
    north, south = check(write_placed(tmp_path / 'north')), check(write_placed(tmp_path / 'south', label=south_up))
    assert south.faults == 0
    assert one(south, 'way-up', 'test').what.startswith('2 labels stored another way up than the image')
    assert [tile.label.digest for tile in south.tiles] == [tile.label.digest for tile in north.tiles]


def test_a_clean_copy_has_labels_as_the_images_lie_and_what_lies_beside_images(tmp_path):
    root = write_placed(tmp_path / 'data', label=south_up)
    Image.fromarray(scene(0, (SIDE, SIDE))).save(root / 'rawdata/train/t0.tif')
    (root / 'rawdata/train/t0.tfw').write_text('1\n0\n0\n-1\n500000.5\n5799999.5\n', encoding='utf-8')
    write_copy(tmp_path / 'copy', check(root), on_tile=lambda done, total: None)
    copy = tmp_path / 'copy'
    assert (copy / 'rawdata/train/t0.tfw').read_bytes() == (root / 'rawdata/train/t0.tfw').read_bytes()
    for index, split in enumerate(SPLIT_OF):
        with Image.open(copy / f'labeldata/{split}/t{index}.png') as label:
            assert np.array_equal(np.asarray(label), mask(index, (SIDE, SIDE)))


def test_a_clean_copy_leaves_out_what_lies_at_another_place(tmp_path):
    away = {'transform': METRE @ METRE.translation(10, 0)}
    root = write_placed(tmp_path / 'data', label=lambda index: away if index == 1 else {})
    write_copy(tmp_path / 'copy', check(root), on_tile=lambda done, total: None)
    assert (tmp_path / 'copy/splits/train.txt').read_text(encoding='utf-8') == 't0\nt2\n'
    (line,) = (tmp_path / 'copy/left_out.txt').read_text(encoding='utf-8').splitlines()
    assert 'lies at another place' in line


def test_ground_in_two_splits_is_a_fault_with_its_share(tmp_path):
    checkup = check(write_placed(tmp_path, step=SIDE // 2))  # each tile shows half of the one before
    # test is 60 m long, of which 20 m are seen by val; train ends where test begins
    finding = one(checkup, 'ground', 'test')
    assert (finding.level, finding.files) == ('fault', ('rawdata/test/t4.tif',))
    assert finding.what == '1 image showing ground of val too: 33.3 % of all ground of test'
    assert '--block' in finding.advice
    assert one(checkup, 'ground', 'val').what == '1 image showing ground of train too: 50.0 % of all ground of val'


@pytest.mark.parametrize('step', [SIDE, SIDE - 2])
def test_ground_is_compared_across_reference_systems(tmp_path, step):
    # The same coordinates on the datum of another country: the grids differ by less than a pixel, the names by all.
    checkup = check(write_placed(tmp_path, step=step, crs=lambda index: ('EPSG:32633', 'EPSG:25833')[index % 2]))
    assert ({'ground'} & {key for _, key, _ in found(checkup)} == set()) == (step == SIDE)


def test_ground_that_cannot_be_compared_is_told(tmp_path):
    checkup = check(write_placed(tmp_path, step=10, crs=lambda index: 'EPSG:32633' if index else None))
    finding = one(checkup, 'ground-unknown', '')
    assert finding.level == 'note'
    assert 'some files do not name a reference system' in finding.what


def test_world_files_of_pictures_say_where_they_lie(tmp_path):
    root = write_placed(tmp_path, step=SIDE)
    for index, split in enumerate(SPLIT_OF):
        for folder in ('rawdata', 'labeldata'):
            path = root / folder / split / f't{index}.tif'
            with rasterio.open(path) as tile:
                Image.fromarray(np.moveaxis(tile.read(), 0, -1).squeeze()).save(path.with_suffix('.png'))
            path.unlink()
        world = f'1\n0\n0\n-1\n{500000.5 + 20 * index}\n5799999.5\n'
        (root / 'rawdata' / split / f't{index}.pgw').write_text(world, encoding='utf-8')
    assert one(check(root), 'ground', 'val').what.startswith('1 image showing ground of train too: 50.0 %')


def test_pixels_without_data_count_as_ignored(tmp_path):
    hole = np.ones((SIDE, SIDE), bool)
    hole[:10] = False
    checkup = check(write_placed(tmp_path, mask=hole))
    assert [tile.image.nodata for tile in checkup.tiles] == [10 * SIDE] * 6
    assert [tile.label.counts[255] for tile in checkup.tiles] == [10 * SIDE] * 6
    assert 'nodata-class' not in {key for _, key, _ in found(checkup)}
