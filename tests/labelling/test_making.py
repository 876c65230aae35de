"""From a raster and polygons to a data root: what is in it, that it is the same again, and that no ground is in two."""

import json

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from labelling_support import cut, labels_of, on_map, pasted, random_polygons, scene, write_layer
from raster_support import METRE, UTM, noise, write_raster
from rasterio.features import rasterize

from mmseg_aux_hrnet.datasets.description import read_description
from mmseg_aux_hrnet.datasets.splits import read_split
from mmseg_aux_hrnet.errors import ConfigError, DataError

EVERYTHING = {'ratio': (0.5, 0.25, 0.25)}


def content(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob('*')) if path.is_file()}


def test_tiles_together_are_the_raster_and_the_painted_whole(tmp_path):
    polygons = random_polygons(40, seed=1, size=(96, 128))
    raster, labels = scene(tmp_path, polygons=polygons)
    cut(raster, labels, tmp_path / 'root')
    expected = rasterize(on_map(polygons), out_shape=(96, 128), transform=METRE, dtype=np.uint8)
    np.testing.assert_array_equal(pasted(tmp_path / 'root', (96, 128)), expected)
    with rasterio.open(raster) as whole:
        for path in (tmp_path / 'root').rglob('*.tif'):
            row, column = map(int, path.stem.split('_')[1:])
            with rasterio.open(path) as tile:
                np.testing.assert_array_equal(tile.read(), whole.read(window=((row, row + 32), (column, column + 32))))
                assert tile.crs == whole.crs and tile.transform @ (0, 0) == whole.transform @ (column, row)


def test_lists_and_description_say_what_is_there(tmp_path):
    raster, labels = scene(tmp_path)
    outcome = cut(raster, labels, tmp_path / 'root', **EVERYTHING)
    described = read_description(tmp_path / 'root')
    assert described == outcome.described
    tiles = labels_of(tmp_path / 'root')
    lists = [tmp_path / f'root/splits/{split}.txt' for split in ('train', 'val', 'test')]
    listed = [entry.image for path in lists for entry in read_split(path)]
    assert sorted(listed) == sorted(tiles) and len(tiles) == 12
    splits = described.record['splits']
    assert sum(said['pixels']['green'] for said in splits.values()) == 50 * 40
    assert sum(said['tiles'] for said in splits.values()) == 12
    train = [tmp_path / f'root/rawdata/train/{entry.image}.tif' for entry in read_split(lists[0])]
    pixels = np.concatenate([rasterio.open(path).read().reshape(3, -1) for path in train], axis=1)
    np.testing.assert_allclose(described.mean, pixels.mean(axis=1), atol=1e-3)
    np.testing.assert_allclose(described.std, pixels.std(axis=1), atol=1e-3)
    assert described.crs == UTM and described.gsd == pytest.approx(1.0004, rel=1e-5)
    names = [entry['name'] for entry in described.record['made_by']['inputs']]
    assert names == ['ortho.tif', 'green.gpkg']


def test_the_same_command_gives_the_same_bytes(tmp_path):
    raster, labels = scene(tmp_path, polygons=random_polygons(30, seed=2, size=(96, 128)))
    for name in ('first', 'second'):
        cut(raster, labels, tmp_path / name, keep_empty=0.5, border_ignore=1.0)
    assert content(tmp_path / 'first') == content(tmp_path / 'second')


def test_a_dry_run_counts_the_same_and_writes_nothing(tmp_path):
    raster, labels = scene(tmp_path)
    before = content(tmp_path)
    dry = cut(raster, labels, tmp_path / 'root', dry_run=True)
    assert content(tmp_path) == before
    assert dry.described == cut(raster, labels, tmp_path / 'root').described


def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch):
    raster, labels = scene(tmp_path)
    before = content(tmp_path)

    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr('mmseg_aux_hrnet.labelling.making.finish_root', interrupt)
    with pytest.raises(KeyboardInterrupt):
        cut(raster, labels, tmp_path / 'root')
    assert content(tmp_path) == before and not list(tmp_path.glob('.*'))


def test_footprints_open_with_split_and_shares(tmp_path):
    raster, labels = scene(tmp_path)
    outcome = cut(raster, labels, tmp_path / 'root', **EVERYTHING)
    path = tmp_path / 'root/tiles.gpkg'
    meta, _, wkb, columns = pyogrio.raw.read(path, layer='tiles')
    fields = dict(zip(meta['fields'], columns, strict=True))
    assert len(wkb) == 12 and meta['crs'] == UTM
    for split, said in outcome.described.record['splits'].items():
        assert (fields['split'] == split).sum() == said['tiles']
    place = list(fields['stem']).index('ortho_00000_00032')
    assert shapely.from_wkb(wkb[place]).bounds == (500_032, 5_799_968, 500_064, 5_800_000)
    assert fields['green_percent'][place] == pytest.approx(100 * 28 * 22 / 32**2, abs=0.01)
    style = pyogrio.raw.read(path, layer='layer_styles', read_geometry=False)
    assert 'categorizedSymbol' in str(style[3])
    assert (tmp_path / 'root/contact_sheet.png').is_file()


def test_pixels_without_data_are_ignored_and_tiles_with_few_are_left_out(tmp_path):
    values = noise(3, (96, 128))
    values[:, :40, :] = 0
    raster, labels = scene(tmp_path, values=values, nodata=0)
    outcome = cut(raster, labels, tmp_path / 'root', max_nodata=0.25)
    label = pasted(tmp_path / 'root', (96, 128), fill=7)
    assert (label[:32] == 7).all() and (label[32:40] == 255).all() and set(label[40:].ravel()) == {0, 1}
    assert any('4 tiles left out: more than 25 % without data' in note for note in outcome.notes)
    with rasterio.open(next((tmp_path / 'root').rglob('ortho_00032_00000.tif'))) as tile:
        assert (tile.dataset_mask()[:8] == 0).all() and (tile.dataset_mask()[8:] == 255).all()


def test_tiles_beyond_the_edge_are_filled_with_ignored(tmp_path):
    raster, labels = scene(tmp_path, size=(96, 120))
    cut(raster, labels, tmp_path / 'root')
    label = labels_of(tmp_path / 'root')['ortho_00000_00096']
    assert (label[:, :24] != 255).all() and (label[:, 24:] == 255).all()


def test_only_a_share_of_empty_tiles_is_kept(tmp_path):
    raster, labels = scene(tmp_path, polygons=[shapely.box(1, 1, 20, 20), shapely.box(40, 40, 60, 60)])
    cut(raster, labels, tmp_path / 'root', keep_empty=0.3, ratio=(1, 0, 0))
    kept = labels_of(tmp_path / 'root')
    assert len(kept) == 2 + 3 and sum(label.any() for label in kept.values()) == 2


def test_what_was_not_annotated_is_ignored(tmp_path):
    raster, labels = scene(tmp_path)
    area = write_layer(tmp_path / 'area.gpkg', on_map([shapely.box(0, 0, 70, 20)]))
    cut(raster, labels, tmp_path / 'root', annotated=(area,), ratio=(1, 0, 0))
    label = pasted(tmp_path / 'root', (96, 128), fill=7)
    assert (label[:20, :70] != 255).all() and (label[10:20, 10:60] == 1).all()
    assert (label[20:32, :96] == 255).all() and (label[32:] == 7).all()


def test_what_no_polygon_covers_can_be_ignored(tmp_path):
    raster, labels = scene(tmp_path)
    cut(raster, labels, tmp_path / 'root', unlabelled='ignore', ratio=(1, 0, 0))
    label = pasted(tmp_path / 'root', (96, 128))
    assert (label == 1).sum() == 50 * 40 and set(label.ravel()) == {1, 255}


@pytest.mark.parametrize('overlap', [0, 8])
def test_no_ground_is_in_two_splits_also_of_overlapping_tiles_and_rasters(tmp_path, overlap):
    values = noise(3, (96, 200))
    first = write_raster(tmp_path / 'a.tif', values[:, :, :128])
    second = write_raster(tmp_path / 'b.tif', values[:, :, 70:].copy(), transform=METRE @ METRE.translation(70, 0))
    labels = write_layer(tmp_path / 'green.gpkg', on_map(random_polygons(30, seed=4, size=(96, 200))))
    outcome = cut([first, second], labels, tmp_path / 'root', overlap=overlap, block=64, **EVERYTHING)
    _, _, wkb, columns = pyogrio.raw.read(tmp_path / 'root/tiles.gpkg', layer='tiles', columns=['split'])
    shapes, splits = shapely.from_wkb(wkb), columns[0]
    for one in ('train', 'val'):
        mine, others = shapely.union_all(shapes[splits == one]), shapely.union_all(shapes[splits == 'test'])
        assert mine.area > 0 and mine.intersection(others).area < 1e-6
    assert any('ground in two splits: 0 m²' in note for note in outcome.notes)
    assert any('show the same ground (5,5' in note and 'with other pixels' not in note for note in outcome.notes)


def test_overlapping_rasters_with_other_pixels_are_refused_unless_they_are_meant(tmp_path):
    first = write_raster(tmp_path / 'a.tif', noise(3, (64, 64)))
    second = write_raster(tmp_path / 'b.tif', noise(3, (64, 64), seed=1), transform=METRE @ METRE.translation(32, 0))
    labels = write_layer(tmp_path / 'green.gpkg', on_map([shapely.box(5, 5, 90, 60)]))
    with pytest.raises(ConfigError, match=r'a\.tif and .*b\.tif show the same ground \(2,05. m²\) with other pixels'):
        cut([first, second], labels, tmp_path / 'root')
    cut([first, second], labels, tmp_path / 'root', overlaps='keep', ratio=(1, 0, 0))
    assert len(labels_of(tmp_path / 'root')) == 8


def test_splits_by_the_field_of_areas(tmp_path):
    raster, labels = scene(tmp_path)
    areas = write_layer(
        tmp_path / 'areas.gpkg',
        on_map([shapely.box(0, 0, 64, 96), shapely.box(64, 0, 96, 96), shapely.box(96, 0, 128, 50)]),
        fields={'part': ['train', 'val', 'test']},
    )
    cut(raster, labels, tmp_path / 'root', split_areas=areas, split_field='part')
    splits = {path.stem: path.parent.name for path in (tmp_path / 'root').rglob('*.tif')}
    assert len(splits) == 11  # the tile below test lies in no area
    assert {stem[-5:]: split for stem, split in splits.items()} == {
        '00000': 'train', '00032': 'train', '00064': 'val', '00096': 'test'
    }  # fmt: skip


def test_splits_by_whole_rasters(tmp_path):
    values = noise(3, (64, 128))
    paths = [
        write_raster(tmp_path / f'{name}.tif', values[:, :, at : at + 64], transform=METRE @ METRE.translation(at, 0))
        for name, at in (('west', 0), ('east', 64))
    ]
    labels = write_layer(tmp_path / 'green.gpkg', on_map([shapely.box(5, 5, 120, 60)]))
    cut(paths, labels, tmp_path / 'root', split_rasters='test=e*.tif')
    assert {path.stem[:4]: path.parent.name for path in (tmp_path / 'root').rglob('*.tif')} == {
        'west': 'train', 'east': 'test'
    }  # fmt: skip


def test_four_bands_of_16_bits_keep_their_values_and_get_a_measured_scale(tmp_path):
    values = (noise(4, (96, 128), dtype='uint16') * 40).astype(np.uint16)
    raster, labels = scene(
        tmp_path,
        values=values,
        colours=['red', 'green', 'blue', 'undefined'],
        descriptions=['red', 'green', 'blue', 'nir'],
    )
    cut(raster, labels, tmp_path / 'root', bands='nir,red,2', scale='auto', ratio=(1, 0, 0))
    described = read_description(tmp_path / 'root')
    assert described.bands == ('nir', 'red', 'green') and described.dtype == 'uint16'
    for (low, high), band in zip(described.scale, values[[3, 0, 1]], strict=True):
        assert (low, high) == pytest.approx(tuple(np.percentile(band, (0.5, 99.5))), rel=1e-5)
    with rasterio.open(next((tmp_path / 'root').rglob('ortho_00032_00032.tif'))) as tile:
        assert tile.descriptions == ('nir', 'red', 'green') and tile.dtypes[0] == 'uint16'
        np.testing.assert_array_equal(tile.read(), values[[3, 0, 1], 32:64, 32:64])
    (low, high), band = described.scale[0], values[3].astype(float)
    shown = np.floor(np.clip((band - low) / (high - low) * 255, 0, 255) + 0.5)  # 8 bits, as a network is shown them
    assert described.mean[0] == pytest.approx(shown.mean(), abs=1e-3)


@pytest.mark.parametrize(
    ('wanted', 'names', 'places'),
    [
        ('nir,red,green', ('nir', 'red', 'green'), (0, 1, 2)),  # by descriptions: GDAL calls these red, green and blue
        ('green,1', ('green', 'nir'), (2, 0)),
        ('red = 3,nir=1', ('red', 'nir'), (2, 0)),
    ],
)
def test_bands_are_those_of_their_descriptions_or_of_the_numbers_said(tmp_path, wanted, names, places):
    colours, descriptions = ['red', 'green', 'blue'], ['Near infrared', 'red', 'green']
    values = noise(3, (96, 128))
    raster, labels = scene(tmp_path, values=values, colours=colours, descriptions=descriptions)
    cut(raster, labels, tmp_path / 'root', bands=wanted, ratio=(1, 0, 0))
    assert read_description(tmp_path / 'root').bands == names
    with rasterio.open(next((tmp_path / 'root').rglob('ortho_00000_00000.tif'))) as tile:
        assert tile.descriptions == names
        np.testing.assert_array_equal(tile.read(), values[list(places), :32, :32])


@pytest.mark.parametrize(
    ('wanted', 'message'),
    [
        ('blue', r'no band is named blue; the bands are 1 red \(nir\), .*such as blue=1'),
        ('nir=4', '--bands nir=4: there is no band 4'),
        ('nir=1,1', 'names a band twice'),
    ],
)
def test_bands_that_are_not_there_are_refused(tmp_path, wanted, message):
    options = {'colours': ['red', 'green', 'blue'], 'descriptions': ['nir', 'red', 'green']}
    raster, labels = scene(tmp_path, values=noise(3, (96, 128)), **options)
    with pytest.raises(ConfigError, match=message):
        cut(raster, labels, tmp_path / 'root', bands=wanted)


def test_one_band_is_taken_by_the_words_of_the_message(tmp_path):
    raster, labels = scene(tmp_path, values=noise(1, (96, 128)))
    with pytest.raises(ConfigError, match=r'one band of colours \(1 gray\): give --bands 1, or --bands grey=1'):
        cut(raster, labels, tmp_path / 'root')
    cut(raster, labels, tmp_path / 'root', bands='grey=1')
    assert read_description(tmp_path / 'root').bands == ('grey',)
    outcome = cut(raster, labels, tmp_path / 'root', bands='1', dry_run=True, overwrite=True)
    assert any('band 1 is called band1: --bands red=1' in note for note in outcome.notes)


@pytest.mark.parametrize('kind', ['png', 'jpg'])
def test_pictures_hold_8_bits_by_the_scale(tmp_path, kind):
    raster, labels = scene(tmp_path, values=(noise(3, (96, 128), dtype='uint16') * 40).astype(np.uint16))
    cut(raster, labels, tmp_path / 'root', scale='0:10000', image_format=kind, ratio=(1, 0, 0))
    described = read_description(tmp_path / 'root')
    assert described.scale is None and described.dtype == 'uint8'
    assert described.record['made_by']['value_scale'] == [[0, 10000]] * 3
    assert len(list((tmp_path / 'root').rglob(f'*.{kind}'))) == 12 + (kind == 'png') * 13


def test_larger_pixels_are_means_and_labels_are_painted_on_them(tmp_path):
    raster, labels = scene(tmp_path, size=(128, 256))
    cut(raster, labels, tmp_path / 'root', gsd=2.0008, tile=16, ratio=(1, 0, 0))
    place = next((tmp_path / 'root').rglob('ortho_00016_00000.tif'))
    with rasterio.open(raster) as whole, rasterio.open(place) as tile:
        block = whole.read(window=((32, 34), (0, 2))).reshape(3, -1).mean(axis=1)
        assert np.abs(tile.read()[:, 0, 0] - block).max() <= 1
        assert tile.res == pytest.approx((2, 2), rel=1e-4)
    assert (pasted(tmp_path / 'root', (64, 128)) == 1).sum() == pytest.approx(25 * 20, abs=10)


def test_a_truncated_raster_is_named_and_the_others_are_finished(tmp_path):
    values = noise(3, (96, 128))
    whole, labels = scene(tmp_path, values=values, polygons=[shapely.box(10, 10, 200, 50)])
    broken = write_raster(
        tmp_path / 'z.tif', values, transform=METRE @ METRE.translation(128, 0), compress='deflate', blockysize=32
    )
    stored = bytearray(broken.read_bytes())
    stored[14_000:30_000] = bytes(16_000)
    broken.write_bytes(stored)
    outcome = cut([whole, broken], labels, tmp_path / 'root')
    assert list(outcome.failed) == [broken]
    assert 'z.tif, rows 64 to 95 (from 0), cannot be read' in outcome.failed[broken]
    assert all(stem.startswith('ortho_') for stem in labels_of(tmp_path / 'root'))
    assert read_description(tmp_path / 'root').record['made_by']['left_out'] == ['z.tif']
    with pytest.raises(DataError, match=r'z\.tif, rows 64 to 95'):
        cut(broken, labels, tmp_path / 'other')


def test_a_data_root_is_replaced_only_when_told(tmp_path):
    raster, labels = scene(tmp_path)
    cut(raster, labels, tmp_path / 'root')
    with pytest.raises(
        ConfigError, match='exists and is not empty: name another --out, or replace it with --overwrite'
    ):
        cut(raster, labels, tmp_path / 'root')
    cut(raster, labels, tmp_path / 'root', overwrite=True, tile=48)
    assert json.loads((tmp_path / 'root/dataset.json').read_text())['splits']['train']['tiles'] < 6
