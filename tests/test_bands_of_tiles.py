"""Tiles of four bands of 16 bits, described by dataset.json: trained, tested, shown, mapped and exported."""

import json

import numpy as np
import pytest
import rasterio
from mmengine.config import Config
from mmseg.apis import inference_model, init_model
from PIL import Image
from raster_support import write_raster
from rasterio.transform import from_origin
from tests_support import write_tile_root
from tool_support import REPO, SMALL, heard, run_here

from mmseg_aux_hrnet.bands import make_bands
from mmseg_aux_hrnet.datasets.band_images import read_picture
from mmseg_aux_hrnet.weights import best_checkpoint, read_checkpoint

pytestmark = pytest.mark.slow  # trains for seconds
LEAF = REPO / 'configs/tiles/fcn_hr18s-v1.py'
RGBN = ('red', 'green', 'blue', 'nir')
FACTS = dict(
    bands=RGBN, dtype='uint16', scale=((0, 1000), (0, 1000), (0, 1000), (100, 1100)),
    mean=(110.0, 100.0, 90.0, 120.0), std=(50.0, 51.0, 52.0, 53.0),
)  # fmt: skip
QUICK = [option for option in SMALL if 'scale' not in option and 'test_pipeline' not in option]


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Return tiles whose files hold near infrared first."""
    root = write_tile_root(tmp_path_factory.mktemp('tiles'), 2, **FACTS)
    for number, path in enumerate(sorted(root.rglob('rawdata/*/*.png'))):
        image = np.moveaxis(np.asarray(Image.open(path)), -1, 0).astype(np.uint16) * 4
        path.unlink()
        values = np.concatenate([1000 - image[1:2], image])
        place = from_origin(500_000 + 200 * number, 5_800_000, 1, 1)
        write_raster(path.with_suffix('.tif'), values, transform=place, descriptions=('nir', 'red', 'green', 'blue'))
    return root


@pytest.fixture(scope='module')
def trained(root, tmp_path_factory):
    """Return the work dir of a short training."""
    work = tmp_path_factory.mktemp('work') / 'run'
    options = ('--cfg-options', *QUICK)
    assert run_here('train', LEAF, '--data-root', root, '--work-dir', work, *options) == 0
    return work


def test_the_network_and_the_checkpoint_know_the_bands(trained):
    checkpoint = read_checkpoint(best_checkpoint(trained))
    assert checkpoint['state_dict']['backbone.conv1.weight'].shape[1] == 4
    meta = checkpoint['meta']['dataset_meta']
    assert tuple(meta['bands']) == RGBN and meta['scale'][3] == [100.0, 1100.0]
    config = Config.fromfile(trained / LEAF.name)
    assert config.model.backbone.bands == [*RGBN] and config.model.data_preprocessor.type == 'BandDataPreProcessor'
    assert (trained / 'validation_samples.png').is_file()


def test_pictures_and_report_show_three_of_the_bands(trained, root, tmp_path):
    given = (trained / LEAF.name, trained, '--data-root', root, '--work-dir', tmp_path)
    options = ('--report', tmp_path / 'report', '--show-dir', tmp_path / 'shown', '--show', 'nir,red,green')
    assert run_here('test', *given, *options) == 0
    assert 'data:image/webp' in (tmp_path / 'report/report.html').read_text(encoding='utf-8')
    image = read_picture(
        root / 'rawdata/test/test_0.tif', make_bands(RGBN, FACTS['scale']), show=('nir', 'red', 'green')
    )
    with rasterio.open(root / 'rawdata/test/test_0.tif') as tile:
        nir, red = tile.read(1).astype(float), tile.read(2)
    assert (image[..., 0] == np.floor((nir - 100).clip(0, 1000) * 255 / 1000 + 0.5)).all()
    assert (image[..., 1] == np.floor(red * 255 / 1000 + 0.5)).all()
    picture = np.asarray(Image.open(tmp_path / 'shown/test_0.png'))
    enlarged = image.repeat(4, axis=0).repeat(4, axis=1)  # to hold the words above it
    assert (picture[-enlarged.shape[0] :, : enlarged.shape[1]] == enlarged).all()
    words = heard('test', *given, '--show', 'swir,red')
    assert words.returncode == 2 and 'name three bands' in words.stderr


def test_other_data_are_refused_in_one_line(trained, root, tmp_path):
    other = write_tile_root(tmp_path / 'rgb', 2)
    words = heard('test', trained / LEAF.name, trained, '--data-root', other, '--work-dir', tmp_path)
    assert words.returncode == 2 and 'Traceback' not in words.stderr
    assert 'nir' in words.stderr
    said = json.loads((root / 'dataset.json').read_text())
    changed = tmp_path / 'scaled'
    changed.mkdir()
    for path in root.iterdir():
        (changed / path.name).symlink_to(path)
    (changed / 'dataset.json').unlink()
    (changed / 'dataset.json').write_text(json.dumps({**said, 'scale': [[0, 500]] * 4}))
    words = heard('test', trained / LEAF.name, trained, '--data-root', changed, '--work-dir', tmp_path)
    assert words.returncode == 2 and 'was trained on values scaled by 0:1000,0:1000,0:1000,100:1100' in words.stderr


def test_inference_on_a_path_is_the_map_of_it(trained, root, tmp_path):
    path = root / 'rawdata/test/test_0.tif'
    model = init_model(str(trained / LEAF.name), str(best_checkpoint(trained)), device='cpu')
    want = inference_model(model, str(path)).pred_sem_seg.data[0].numpy()
    assert run_here('predict_raster', trained / LEAF.name, trained, path, '--out', tmp_path, '--device', 'cpu') == 0
    with rasterio.open(tmp_path / 'test_0_classes.tif') as made:
        assert (made.read(1) != want).mean() < 0.01
        assert made.tags()['BANDS'] == '2,3,4,1'


def test_some_of_the_bands_are_trained_alone(root, tmp_path):
    options = ('--cfg-options', *QUICK, 'train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'bands=nir,red')
    work = tmp_path / 'two'
    assert run_here('train', LEAF, '--data-root', root, '--work-dir', work, *options) == 0
    config = Config.fromfile(work / LEAF.name)
    assert config.model.data_preprocessor.mean == [120.0, 110.0] and config.model.backbone.bands == ['nir', 'red']
    assert run_here('test', LEAF, work, '--data-root', root, '--work-dir', tmp_path) == 0
    words = heard('train', LEAF, '--data-root', root, '--work-dir', work, '--cfg-options', 'bands=red,swir')
    assert words.returncode == 2 and 'dataset.json: swir is not among the bands red, green, blue, nir' in words.stderr


def test_the_check_measures_all_bands(root, tmp_path):
    words = heard('check_dataset', root, '--picture', tmp_path / 'a.png')
    assert words.returncode == 0, words.stdout
    assert '# red, green, blue, nir' in words.stdout
