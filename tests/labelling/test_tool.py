"""tools/make_tiles.py: what it prints, and one line for what is wrong."""

import errno
import re

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import shapely
from labelling_support import labels_of, on_map, scene, write_layer
from mmseg.registry import MODELS
from raster_support import METRE, UTM, noise, write_raster
from rasterio.warp import calculate_default_transform, reproject
from remote_support import serving
from tool_support import REPO, heard, run_here

from mmseg_aux_hrnet.bands import Bands
from mmseg_aux_hrnet.labelling.writing import next_commands
from mmseg_aux_hrnet.raster import remote
from mmseg_aux_hrnet.raster.dataset import gdal
from mmseg_aux_hrnet.run.config import dataset_meta, load_config, set_data_root
from mmseg_aux_hrnet.run.tile_config import fill_for_training
from mmseg_aux_hrnet.weights.zoo import check_start


def make(tmp_path, *args, rasters=None, labels=None, classes='background,green', tile=32):
    rasters = rasters or [tmp_path / 'ortho.tif']
    line = [*rasters, '--labels', labels or tmp_path / 'green.gpkg', '--out', tmp_path / 'root', '--tile', tile]
    return heard('make_tiles', *line, *([] if classes is None else ['--classes', classes]), *args)


def refused(tmp_path, *args, **options):
    """Return the one line of an error, after checking that nothing is left."""
    before = sorted(tmp_path.rglob('*'))
    result = make(tmp_path, *args, **options)
    assert result.returncode == 2 and sorted(tmp_path.rglob('*')) == before
    [line] = [line for line in result.stderr.splitlines() if line.startswith('error: ')]
    return line


def test_it_ends_with_the_table_and_the_next_two_commands(tmp_path):
    scene(tmp_path)
    result = make(tmp_path)
    assert result.returncode == 0
    assert 'background %' in result.stdout and 'train' in result.stdout
    *_, made, check, train = result.stdout.splitlines()
    assert made == f'{tmp_path / "root"} is made; next:'
    assert check.startswith('python tools/check_dataset.py ') and train.startswith('python tools/train.py ')
    assert train.endswith('/root --cfg-options load_from=zoo://green')
    assert 'where they overlap, later over earlier: background, green, ignore' in result.stderr
    assert 'ground in two splits: 0 m²' in result.stderr


def test_check_dataset_finds_no_fault(tmp_path):
    scene(tmp_path)
    make(tmp_path)
    result = heard('check_dataset', '--kind', 'singlegreen', tmp_path / 'root', '--picture', tmp_path / 'check.png')
    assert result.returncode == 0, result.stdout


def test_a_file_in_the_place_of_the_folder_is_not_replaced(tmp_path):
    scene(tmp_path)
    (tmp_path / 'root').write_text('mine')
    for more in ([], ['--overwrite']):
        assert refused(tmp_path, *more).endswith('root is a file: name a folder with --out')


def test_a_dry_run_prints_the_table_alone(tmp_path):
    scene(tmp_path)
    result = make(tmp_path, '--dry-run')
    assert result.returncode == 0 and not (tmp_path / 'root').exists()
    assert result.stdout.splitlines()[-1] == 'dry run: nothing is written'


@pytest.mark.parametrize('kind', ['a file', 'a data set', 'other things'])
def test_a_dry_run_looks_at_the_place_of_the_data_root_too(tmp_path, kind):
    scene(tmp_path)
    if kind == 'a file':
        (tmp_path / 'root').write_text('mine')
    elif kind == 'a data set':
        make(tmp_path)
    else:
        (tmp_path / 'root').mkdir()
        (tmp_path / 'root' / 'mine.txt').write_text('mine')
    assert refused(tmp_path, '--dry-run') == refused(tmp_path)
    again = make(tmp_path, '--dry-run', '--overwrite')
    assert again.returncode == (0 if kind == 'a data set' else 2)


def test_the_next_training_needs_no_file_that_is_not_in_the_package(tmp_path):
    """The network of the zoo fits the config; images of other bands start from random weights."""
    scene(tmp_path)
    make(tmp_path)
    command = next_commands(tmp_path / 'root', ('red', 'green', 'blue')).splitlines()[-1].split()
    assert command[-2:] == ['--cfg-options', 'load_from=zoo://green']
    config = load_config(REPO / command[2])
    set_data_root(config, command[4])
    fill_for_training(config)
    model = MODELS.build(config.model)
    classes = dataset_meta(config)['classes']
    assert 'auxiliary_head.' in check_start('zoo://green', model, classes=classes, bands=Bands())
    assert next_commands(tmp_path, ('nir', 'red', 'green')).endswith(' --pretrained none')


def test_a_vrt_and_a_folder_make_the_tiles_of_their_files(tmp_path):
    scene(tmp_path)
    rasters = tmp_path / 'rasters'
    rasters.mkdir()
    (tmp_path / 'ortho.tif').rename(rasters / 'ortho.tif')
    vrt = tmp_path / 'ortho.vrt'
    with gdal():
        rasterio.shutil.copy(rasters / 'ortho.tif', vrt, driver='VRT')
    for name, raster in (('file', rasters / 'ortho.tif'), ('folder', rasters), ('vrt', vrt)):
        made = make(tmp_path, rasters=[raster])
        assert made.returncode == 0, made.stderr
        (tmp_path / 'root').rename(tmp_path / name)
    assert len(labels_of(tmp_path / 'file')) == 12
    for name in ('folder', 'vrt'):
        for folder in ('rawdata', 'labeldata'):
            files = sorted((tmp_path / 'file' / folder).rglob('*.*'))
            others = sorted((tmp_path / name / folder).rglob('*.*'))
            assert [file.name for file in files] == [file.name for file in others]
            for file, other in zip(files, others, strict=True):
                with rasterio.open(file) as one, rasterio.open(other) as two:
                    np.testing.assert_array_equal(one.read(), two.read())
                    assert (one.crs, one.transform) == (two.crs, two.transform)


def test_a_class_raster_in_another_reference_system_is_laid_where_it_belongs(tmp_path):
    scene(tmp_path)
    drawn = np.zeros((96, 128), np.uint8)
    drawn[10:50, 10:60] = 1
    label = write_raster(tmp_path / 'label.tif', drawn, nodata=255)
    # In degrees and ten times as fine, so that nearest pixels are off by less than those of the tiles.
    with rasterio.open(label) as source:
        transform, width, height = calculate_default_transform(
            source.crs, 'EPSG:4326', source.width, source.height, *source.bounds, resolution=1e-6
        )
        moved = np.full((height, width), 255, np.uint8)
        reproject(
            drawn, moved, src_transform=source.transform, src_crs=source.crs, dst_transform=transform,
            dst_crs='EPSG:4326', dst_nodata=255, init_dest_nodata=True,
        )  # fmt: skip
    turned = write_raster(tmp_path / 'turned.tif', moved, crs='EPSG:4326', transform=transform, nodata=255)
    for name, path in (('same', label), ('other', turned)):
        made = make(tmp_path, '--ratio', 1, 0, 0, labels=path)
        assert made.returncode == 0, made.stderr
        (tmp_path / 'root').rename(tmp_path / name)
    same, other = (labels_of(tmp_path / name) for name in ('same', 'other'))
    assert same.keys() == other.keys()
    different = [(same[stem] != other[stem]) & (other[stem] != 255) for stem in same]
    assert sum(part.sum() for part in different) <= 4  # of 12,288 pixels, where rounding decides
    assert sum((other[stem] == 255).sum() for stem in same) <= 230  # a rim of half a pixel


def test_the_record_says_the_command(tmp_path):
    from mmseg_aux_hrnet.datasets.description import read_description

    scene(tmp_path)
    make(tmp_path, '--seed', '3')
    command = read_description(tmp_path / 'root').record['made_by']['command']
    assert command[:2] == ['make_tiles', str(tmp_path / 'ortho.tif')] and command[-2:] == ['--seed', '3']


def test_labels_beside_the_raster_are_told_with_distance_and_systems(tmp_path):
    scene(tmp_path, polygons=[shapely.box(1200, 10, 1300, 50)])
    line = refused(tmp_path)
    assert 'ortho.tif lies 1.1 km from it' in line
    assert line.count('WGS 84 / UTM zone 33N (EPSG:32633)') == 2
    write_layer(tmp_path / 'far.gpkg', [shapely.box(10, 50, 11, 51)], crs='EPSG:4326')
    line = refused(tmp_path, labels=tmp_path / 'far.gpkg')
    assert 'labels are in WGS 84 (EPSG:4326), the raster in WGS 84 / UTM zone 33N (EPSG:32633)' in line


@pytest.mark.parametrize('right', [500, 128])  # far away, and beside it, where a label ends at the common edge
def test_a_raster_that_no_label_touches_is_told(tmp_path, right):
    raster, _ = scene(tmp_path, polygons=[shapely.box(10, 10, 128, 50)])
    other = write_raster(tmp_path / 'other.tif', noise(3, (64, 64)), transform=METRE @ METRE.translation(right, 0))
    result = make(tmp_path, rasters=[raster, other])
    told = f'no label touches {other}: all of its pixels are background; leave it out if it is not annotated'
    assert result.returncode == 0 and told in result.stderr
    result = make(tmp_path, '--unlabelled', 'ignore', '--overwrite', rasters=[raster, other])
    assert result.returncode == 0 and f'no label touches {other}: all of its pixels are ignored' in result.stderr


def test_a_raster_without_a_reference_system(tmp_path):
    scene(tmp_path)
    raster = write_raster(tmp_path / 'bare.tif', noise(3, (64, 64)), crs=None)
    assert 'bare.tif: the raster has no coordinate reference system' in refused(tmp_path, rasters=[raster])


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_labels_without_a_reference_system(tmp_path):
    scene(tmp_path)
    labels = write_layer(tmp_path / 'bare.gpkg', on_map([shapely.box(1, 1, 9, 9)]), crs=None)
    assert 'bare.gpkg has no coordinate reference system' in refused(tmp_path, labels=labels)


def test_classes_that_never_occur_are_told(tmp_path):
    scene(tmp_path)
    field = write_layer(tmp_path / 'kinds.gpkg', on_map([shapely.box(5, 5, 60, 60)]), fields={'kind': ['tree']})
    result = make(tmp_path, '--class-field', 'kind', '--class-map', 'tree=green,house=roof', labels=field, classes=None)
    assert result.returncode == 0
    assert 'note: class roof has no pixel in train' in result.stderr


def test_a_raster_with_other_bands_or_values(tmp_path):
    raster, _ = scene(tmp_path)
    place = METRE @ METRE.translation(128, 0)
    colours, names = ['gray', 'undefined', 'undefined'], ['nir', 'red', 'green']
    other = write_raster(tmp_path / 'z.tif', noise(3), transform=place, colours=colours, descriptions=names)
    assert 'z.tif: the names of the bands are not red, green and blue' in refused(
        tmp_path, rasters=[raster, other], tile=16
    )
    deep = write_raster(tmp_path / 'deep.tif', noise(3, (64, 64), dtype='uint16'), transform=place)
    line = refused(tmp_path, '--scale', '0:255', rasters=[raster, deep])
    assert 'has red, green, blue of type uint8, and' in line and 'deep.tif has red, green, blue of type uint16' in line


def test_16_bits_need_a_scale(tmp_path):
    scene(tmp_path, values=noise(3, (96, 128), dtype='uint16'))
    line = refused(tmp_path)
    assert 'ortho.tif: the values are uint16, about 1 to 250: give --scale LOW:HIGH' in line
    assert '--scale is' in refused(tmp_path, '--scale', 'high')


def test_a_tile_larger_than_the_raster(tmp_path):
    scene(tmp_path)
    assert 'ortho.tif is 96 x 128 pixels, and a tile 512 x 512: give --tile 96 or less' in refused(tmp_path, tile=512)


def test_a_band_that_is_missing(tmp_path):
    scene(tmp_path)
    line = refused(tmp_path, '--bands', 'red,green,nir')
    assert 'ortho.tif: no band is named nir; the bands are 1 red, 2 green, 3 blue; name others' in line


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['--max-nodata', '2'], '--max-nodata is 2: give a share of 0 to 1'),
        (['--gsd', '0'], '--gsd is 0: give a number above 0'),
        (['--overlap', '32'], '--tile 32 --overlap 32: give a side above 0'),
        (['--split-field', 'part'], '--split-field needs polygons with this field'),
        (['--split-rasters', 'test=x*'], 'give train|val|test=PATTERN that fits a raster, such as test=ortho.tif'),
        (['--class-map', 'a=green'], '--class-map needs --class-field'),
        (['--label-values', '0=green'], '--label-values is for class rasters'),
        (['--ratio', '0', '1', '0'], 'ratio 0.0 1.0 0.0 is not allowed'),
        (['--block', '500'], '1 block of 500 m cannot fill 3 splits'),
        (['--unlabelled', 'tree'], "--unlabelled is 'tree': give ignore or a class of background, green"),
        (['--annotated', 'gone.gpkg'], 'gone.gpkg does not exist'),
    ],
)
def test_options_that_do_not_fit_are_one_line(tmp_path, args, message):
    scene(tmp_path)
    assert message in refused(tmp_path, *args)


def test_options_of_polygons_are_refused_for_class_rasters(tmp_path):
    scene(tmp_path)
    labels = write_raster(tmp_path / 'label.tif', np.zeros((96, 128), np.uint8))
    line = refused(tmp_path, '--buffer', '2', '--all-touched', labels=labels)
    assert '--buffer, --all-touched: this is for polygons, and the labels are class rasters' in line


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, 'No space left on device')

    scene(tmp_path)
    monkeypatch.setattr('mmseg_aux_hrnet.labelling.writing.write_label_png', fail)
    assert 'root cannot be written (No space left on device)' in refused(tmp_path)


def test_an_annotated_class_raster_makes_the_same_tiles(tmp_path):
    scene(tmp_path)
    drawn = np.zeros((96, 128), np.uint8)
    drawn[10:50, 10:60] = 1
    label = write_raster(tmp_path / 'label.tif', drawn, crs=UTM)
    for labels in ('green.gpkg', 'label.tif'):
        assert run_here(
            'make_tiles', tmp_path / 'ortho.tif', '--labels', tmp_path / labels, '--classes', 'background,green',
            '--out', tmp_path / labels.partition('.')[0], '--tile', 32,
        ) == 0  # fmt: skip
    polygons, rasters = labels_of(tmp_path / 'green'), labels_of(tmp_path / 'label')
    assert polygons.keys() == rasters.keys()
    for stem, label in polygons.items():
        np.testing.assert_array_equal(label, rasters[stem])


def test_an_address_gives_the_tiles_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, 'PATIENCE', [0.01] * 2)
    raster, _ = scene(tmp_path / 'served')
    line = ['--labels', tmp_path / 'served/green.gpkg', '--tile', 32, '--classes', 'background,green', '--out']
    with serving(tmp_path / 'served') as server:
        far = heard('make_tiles', f'{server.url("ortho.tif")}?sig=SESAME', *line, tmp_path / 'far')
        gone = heard('make_tiles', server.url('gone.tif'), *line, tmp_path / 'gone')
    near = heard('make_tiles', raster, *line, tmp_path / 'near')
    assert (near.returncode, far.returncode) == (0, 0), far.stderr
    files = [
        {path.relative_to(tmp_path / root): path.read_bytes() for path in (tmp_path / root).rglob('*.tif')}
        for root in ('near', 'far')
    ]
    assert files[0] == files[1] and files[0]
    written = [path.read_bytes() for path in (tmp_path / 'far').rglob('*') if path.is_file()]
    assert b'SESAME' not in b''.join([*written, far.stdout.encode(), far.stderr.encode()])
    assert gone.returncode == 2 and gone.stderr.count('\n') == 1
    assert re.match(rf'error: {server.url("gone.tif")} is not there .*404\): check the address', gone.stderr)
    assert not (tmp_path / 'gone').exists()
