"""The command from rasters and references to masks, thresholds and tables; and how it refuses."""

import csv
import json
import re

import numpy as np
import pytest
import rasterio
from areas_support import write_map
from PIL import Image
from raster_support import METRE, noise, write_raster
from rasterio.transform import from_origin
from remote_support import serving
from tiny_export import written
from tool_support import run_here

from mmseg_aux_hrnet.maps import MapSettings, Predictor, index_thresholds, predict_raster
from mmseg_aux_hrnet.raster import remote

RGBN = {'colours': ('red', 'green', 'blue', 'undefined'), 'descriptions': ('red', 'green', 'blue', 'nir')}
CLASSES = ('--classes', 'background,green')


def ndvi(values):
    red, nir = values[0].astype(float), values[3].astype(float)
    return (nir - red) / (nir + red)


def write_scene(folder, name, *, seed, threshold, **options):
    """Write a raster of four bands, and a label that is NDVI from a threshold on with some pixels wrong."""
    values = noise(4, (40, 50), seed=seed)
    label = ndvi(values) >= threshold
    label ^= np.random.default_rng(seed).random(label.shape) < 0.05
    for part in ('rasters', 'labels'):
        (folder / part).mkdir(exist_ok=True)
    write_raster(folder / 'rasters' / f'{name}.tif', values, **RGBN, **options)
    Image.fromarray(label.astype(np.uint8)).save(folder / 'labels' / f'{name}.png')
    return values, label


@pytest.fixture
def data(tmp_path):
    """Three tiles of two scenes."""
    scenes = (('east_1', 1, 0.1), ('east_2', 2, 0.1), ('west_1', 3, 0.3))
    return {name: write_scene(tmp_path, name, seed=seed, threshold=at) for name, seed, at in scenes}


def refused(capsys, *args):
    """Return the one line by which the tool refuses."""
    assert run_here('ndvi', *args) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith('error: '), lines
    return lines[0]


def best_kappa(pairs):
    """Return the best kappa of a loop over all thresholds."""
    index, label = (np.concatenate([np.ravel(part) for part in parts]) for parts in zip(*pairs, strict=True))
    kappas = []
    for step in range(1001):
        mask = index >= float(f'{-1 + step / 500:.3f}')
        chance = mask.mean() * label.mean() + (1 - mask.mean()) * (1 - label.mean())
        kappas.append(((mask == label).mean() - chance) / (1 - chance))
    return max(kappas)


def test_scenes_and_all_together(tmp_path, data, capsys):
    out = tmp_path / 'out'
    args = (tmp_path / 'rasters', '--reference', tmp_path / 'labels', *CLASSES, '--out', out, '--scene', '([a-z]+)_')
    assert run_here('ndvi', *args) == 0
    told = json.loads((out / 'ndvi.json').read_text())
    assert [scene['name'] for scene in told['scenes']] == ['east', 'west']
    assert told['scenes'][0]['rasters'] == ['east_1.tif', 'east_2.tif']
    pairs = {name: (ndvi(values), label) for name, (values, label) in data.items()}
    expected = [best_kappa([pairs['east_1'], pairs['east_2']]), best_kappa([pairs['west_1']])]
    found = [scene['best']['kappa']['kappa'] for scene in told['scenes']]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert told['all']['best']['kappa']['kappa'] == pytest.approx(best_kappa(pairs.values()), rel=1e-9)
    assert {'kappa', 'accuracy', 'f1', 'iou'} == set(told['all']['best'])
    for name, (values, _) in data.items():
        threshold = told['scenes'][name.startswith('west')]['best']['kappa']['threshold']
        with rasterio.open(out / f'{name}_ndvi.tif') as mask:
            np.testing.assert_array_equal(mask.read(1), ndvi(values) >= threshold)
            assert (mask.transform, mask.nodata, mask.tags()['BEST']) == (METRE, 255, 'kappa')
            assert json.loads(mask.tags()['CLASS_NAMES']) == ['other', 'green']
    assert capsys.readouterr().out.endswith(f'3 masks, ndvi.json, tables and curves in {out}\n')
    assert (out / 'ndvi_curves.png').read_bytes().startswith(b'\x89PNG')


def test_tables_hold_the_curves_of_all_scenes(tmp_path, data):
    out = tmp_path / 'out'
    args = (tmp_path / 'rasters', '--reference', tmp_path / 'labels', *CLASSES, '--out', out, '--best', 'iou')
    assert run_here('ndvi', *args, '--range', '0:0.4', '--mask-by', 'all') == 0
    with (out / 'ndvi_curves.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 1001 and [row['threshold'] for row in rows[:3]] == ['0.0', '0.0004', '0.0008']
    with (out / 'ndvi_scenes.csv').open() as file:
        scenes = list(csv.DictReader(file))
    assert [row['scene'] for row in scenes] == [*data, 'all scenes']
    whole = [row for row in rows if row['scene'] == 'all scenes']
    assert max(float(row['iou']) for row in whole) == float(scenes[-1]['iou_value'])
    with rasterio.open(out / 'west_1_ndvi.tif') as mask:
        expected = ndvi(data['west_1'][0]) >= float(scenes[-1]['iou_threshold'])
        np.testing.assert_array_equal(mask.read(1), expected)


def test_what_is_left_out_is_nodata_in_the_mask_and_told(tmp_path):
    values, _ = write_scene(tmp_path, 'a', seed=4, threshold=0.2, nodata=0)
    values[:, :3] = 0
    write_raster(tmp_path / 'rasters/a.tif', values, nodata=0, **RGBN)
    args = (tmp_path / 'rasters/a.tif', '--reference', tmp_path / 'labels/a.png', *CLASSES, '--min-brightness', 80)
    assert run_here('ndvi', *args, '--out', tmp_path / 'out') == 0
    dark = (values[0].astype(float) + values[3]) / 2 < 80
    left_out = json.loads((tmp_path / 'out/ndvi.json').read_text())['all']['pixels_left_out']
    assert left_out == {'no data': 150, 'too dark': dark[3:].sum(), 'undefined': 0, 'no reference': 0}
    with rasterio.open(tmp_path / 'out/a_ndvi.tif') as mask:
        without = dark.copy()
        without[:3] = True
        np.testing.assert_array_equal(mask.read(1) == 255, without)


def test_a_map_on_another_grid_is_the_reference(tmp_path):
    _, label = write_scene(tmp_path, 'a', seed=5, threshold=0.2)
    fine = np.kron(label, np.ones((2, 2))).astype(np.uint8)
    write_map(
        tmp_path / 'fine.tif', fine, names=('other', 'green'), transform=from_origin(500_000, 5_800_000, 0.5, 0.5)
    )
    found = index_thresholds([tmp_path / 'rasters'], reference=tmp_path / 'fine.tif')
    same = index_thresholds([tmp_path / 'rasters'], reference=tmp_path / 'labels', classes=('other', 'green'))
    assert found.together.curve == same.together.curve
    assert found.vegetation == 'green'
    assert 'fine.tif lies on another grid: its nearest pixels are taken' in found.notes[0]


def test_several_classes_are_vegetation(tmp_path):
    _, label = write_scene(tmp_path, 'a', seed=6, threshold=0.2)
    trees = label.astype(np.uint8) * (1 + (np.arange(50) % 2))
    write_map(tmp_path / 'map.tif', trees, names=('other', 'tree', 'grass'))
    found = index_thresholds([tmp_path / 'rasters'], reference=tmp_path / 'map.tif', vegetation=('tree', 'grass'))
    same = index_thresholds([tmp_path / 'rasters'], reference=tmp_path / 'labels', classes=('other', 'green'))
    assert found.together.curve == same.together.curve


def test_masks_of_0_and_255(tmp_path):
    _, label = write_scene(tmp_path, 'a', seed=6, threshold=0.2)
    options = {'reference': tmp_path / 'labels', 'classes': ('other', 'green')}
    same = index_thresholds([tmp_path / 'rasters'], **options)
    Image.fromarray(label.astype(np.uint8) * 255).save(tmp_path / 'labels/a.png')
    found = index_thresholds([tmp_path / 'rasters'], **options, label_format='binary')
    assert found.together.curve == same.together.curve


def test_otsu_needs_no_reference(tmp_path, data, capsys):
    assert run_here('ndvi', tmp_path / 'rasters/east_1.tif', '--best', 'otsu', '--out', tmp_path / 'out') == 0
    told = json.loads((tmp_path / 'out/ndvi.json').read_text())
    with rasterio.open(tmp_path / 'out/east_1_ndvi.tif') as mask:
        np.testing.assert_array_equal(mask.read(1), ndvi(data['east_1'][0]) >= told['all']['otsu'])
    assert not (tmp_path / 'out/ndvi_curves.csv').exists()


def test_a_network_that_sees_rgb_is_the_reference(tmp_path, data):
    files, raster, out = written(tmp_path, name='tiny'), tmp_path / 'rasters/west_1.tif', tmp_path / 'out'
    assert run_here('ndvi', raster, '--reference', *files, '--out', out, '--device', 'cpu') == 0
    made = predict_raster(Predictor.from_files(*files, device='cpu'), raster, tmp_path / 'map.tif', MapSettings())
    found = index_thresholds([raster], reference=made)
    told = json.loads((out / 'ndvi.json').read_text())
    assert told['all']['best']['kappa']['kappa'] == found.together.best('kappa').kappa
    assert (out / 'reference/west_1_classes.tif').exists()


def test_what_the_network_does_not_know_is_told_of_the_reference(tmp_path, data, capsys):
    files = written(tmp_path, name='fine', meta={'described': {'gsd': 0.5}})
    options = ('--reference', *files, '--out', tmp_path / 'out', '--device', 'cpu')
    assert run_here('ndvi', tmp_path / 'rasters/west_1.tif', *options) == 0
    notes = json.loads((tmp_path / 'out/ndvi.json').read_text())['notes']
    assert any('its pixels are 1 m, but the model was trained at 0.5 m: --gsd 0.5 shows it' in note for note in notes)
    assert 'reference: for --gsd make the map with tools/predict_raster.py' in capsys.readouterr().err


def test_files_that_exist_are_replaced_only_where_asked(tmp_path, data, capsys):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'east_1_ndvi.tif').write_text('old')
    args = (tmp_path / 'rasters/east_1.tif', '--best', 'otsu', '--out', out)
    assert 'east_1_ndvi.tif exists: name another file, or replace it with --overwrite' in refused(capsys, *args)
    assert [path.name for path in out.iterdir()] == ['east_1_ndvi.tif']
    assert run_here('ndvi', *args, '--overwrite') == 0


@pytest.mark.parametrize(
    ('args', 'words'),
    [
        ((), '--best kappa compares with a reference'),
        (('--reference', 'nowhere.tif'), 'nowhere.tif does not exist'),
        (('--reference', 'a', 'b', 'c'), '--reference has 3 values'),
        (('--reference', 'labels'), 'give --classes NAME,NAME'),
        (('--reference', 'labels', *CLASSES, '--class', 'tree'), "has no class 'tree', it has background, green"),
        (('--reference', 'labels', '--classes', 'a,b,c'), 'name the vegetation with --class'),
        (('--reference', 'labels/east_1.png', *CLASSES), 'can be the reference of one raster, not of 3'),
        (('--reference', 'labels', *CLASSES, '--range', '0.4:0'), "--range is '0.4:0'"),
        (('--reference', 'labels', *CLASSES, '--scene', '('), 'is not a regular expression'),
        (('--reference', 'labels', *CLASSES, '--scene', 'x'), "--scene 'x' does not fit east_1.tif"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path, data, capsys, monkeypatch, args, words):
    monkeypatch.chdir(tmp_path)
    assert words in refused(capsys, 'rasters', *args, '--out', 'out')
    assert not (tmp_path / 'out').exists()


def test_a_raster_without_near_infrared_is_one_line(tmp_path, capsys):
    write_raster(tmp_path / 'rgb.tif', noise(3))
    line = refused(capsys, tmp_path / 'rgb.tif', '--best', 'otsu', '--out', tmp_path / 'out')
    assert 'the raster does not name a near infrared band' in line and '--index vari or exg' in line
    assert run_here('ndvi', tmp_path / 'rgb.tif', '--best', 'otsu', '--index', 'exg', '--out', tmp_path / 'out') == 0


def test_a_raster_without_a_reference_is_named(tmp_path, data, capsys):
    (tmp_path / 'labels/west_1.png').unlink()
    line = refused(
        capsys, tmp_path / 'rasters', '--reference', tmp_path / 'labels', *CLASSES, '--out', tmp_path / 'out'
    )
    assert 'has no reference for 1 of 3 rasters, such as west_1.tif: it would be west_1.png' in line


@pytest.mark.parametrize(('value', 'lacks'), [(0, 'of green'), (1, 'of what is not green'), (255, 'no class at any')])
def test_a_reference_without_one_of_the_classes(tmp_path, data, capsys, value, lacks):
    Image.fromarray(np.full((40, 50), value, np.uint8)).save(tmp_path / 'one.png')
    args = (tmp_path / 'rasters/east_1.tif', '--reference', tmp_path / 'one.png', *CLASSES, '--out', tmp_path / 'out')
    assert lacks in refused(capsys, *args)


def test_a_scene_without_one_of_the_classes_takes_the_threshold_of_all(tmp_path, data, capsys):
    Image.fromarray(np.zeros((40, 50), np.uint8)).save(tmp_path / 'labels/west_1.png')
    args = (tmp_path / 'rasters', '--reference', tmp_path / 'labels', *CLASSES, '--out', tmp_path / 'out')
    assert run_here('ndvi', *args) == 0
    assert 'west_1: its reference has no green' in capsys.readouterr().err
    told = json.loads((tmp_path / 'out/ndvi.json').read_text())
    assert told['scenes'][2]['best']['kappa'] is None
    assert told['scenes'][2]['mask_threshold'] == told['all']['best']['kappa']['threshold']


def test_a_label_of_another_size_is_refused(tmp_path, data, capsys):
    Image.fromarray(np.zeros((40, 51), np.uint8)).save(tmp_path / 'labels/west_1.png')
    args = (tmp_path / 'rasters', '--reference', tmp_path / 'labels', *CLASSES, '--out', tmp_path / 'out')
    assert '40 x 51 pixels' in refused(capsys, *args)


def test_addresses_give_the_masks_of_the_files(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(remote, 'PATIENCE', [0.01] * 2)
    _, label = write_scene(tmp_path, 'east', seed=1, threshold=0.1)
    served = tmp_path / 'rasters'
    write_map(served / 'map.tif', label)
    with serving(served) as server:
        names = {'near': (served / 'east.tif', served / 'map.tif')}
        names['far'] = tuple(f'{server.url(path.name)}?sig=SESAME' for path in names['near'])
        for out, (raster, reference) in names.items():
            assert run_here('ndvi', raster, '--reference', reference, '--out', tmp_path / out) == 0
        said = ''.join(capsys.readouterr())
        for words in ((server.url('gone.tif'), names['far'][1]), (names['far'][0], server.url('gone.tif'))):
            line = refused(capsys, words[0], '--reference', words[1], '--out', tmp_path / 'gone')
            assert re.fullmatch(rf'error: {server.url("gone.tif")} is not there .*404\): check the address', line)
    for name in ('ndvi.json', 'ndvi_scenes.csv', 'ndvi_curves.csv'):
        assert (tmp_path / 'near' / name).read_text() == (tmp_path / 'far' / name).read_text()
    masks = [rasterio.open(tmp_path / out / 'east_ndvi.tif') for out in names]
    np.testing.assert_array_equal(*(mask.read(1) for mask in masks))
    written = b''.join(path.read_bytes() for path in (tmp_path / 'far').iterdir())
    assert b'SESAME' not in written + said.encode() + str(masks[1].tags()).encode()
    assert not (tmp_path / 'gone').exists()
