"""What an older version left on disk is read, and gone on with: see ``data/written_by_486f072/make_old_state.py``."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests_support import write_green_root
from tool_support import configs_laid_out, run_here

from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.maps.predict import planning
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.weights import read_checkpoint

OLD = Path(__file__).with_name('data') / 'written_by_486f072'
CONFIG, TRAINED, THRESHOLDED = (OLD / name for name in ('tiny.py', 'trained.pth', 'thresholded.pth'))
FINGERPRINT = 'ecc0b3671d4f919dbe61964ca721a9302174502c938f3ce0c912490dc4ebf2a0'  # the old version's, of the whole map
SETTINGS = ('--window', '32', '--device', 'cpu', '--prob', 'uint8')  # that the map was begun with
# Of green down an edge of a green square, and the mean of all pixels, as the old version computed them.
GREEN_AT_AN_EDGE, MEAN_GREEN = (0.982872, 0.959356, 0.906621, 0.799746, 0.396986, 0.041680), 0.134380
ROUNDING = 1e-4  # of probabilities, by which CPUs of different instructions never differ in so small a network


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The raster and what is finished of its map, as if today's version were the one that began it."""
    folder = shutil.copytree(OLD / 'map', tmp_path / 'map')
    begun_with = json.loads((folder / '.ortho_classes.tif.work' / 'plan.json').read_text(encoding='utf-8'))
    os.utime(folder / 'ortho.tif', ns=(begun_with['modified'],) * 2)
    monkeypatch.setattr(planning, '__version__', begun_with['software'])
    with configs_laid_out():
        same_libraries(folder, begun_with)
        yield folder


def same_libraries(folder, begun_with):
    """Tell a library that writes other text from a fault of ours: either would begin the map anew."""
    written = Predictor.from_files(CONFIG, THRESHOLDED, device='cpu').facts.record['CONFIG_SHA256']
    assert written == begun_with['model']['CONFIG_SHA256'], 'mmengine or yapf lays out this config otherwise'
    with rasterio.open(folder / 'ortho.tif') as raster:
        assert raster.crs.to_wkt() == begun_with['crs'], 'GDAL or PROJ words this reference system otherwise'


def predict(folder, out, *settings):
    """Predict the raster and return how many windows that took."""
    count, predict, decide = [], Predictor.predict, Threshold.decide

    def counted(self, images):
        count.append(len(images))
        return predict(self, images)

    def decided(self, probability):
        assert np.abs(probability - self.value).min() > ROUNDING, 'a CPU may give this pixel either class'
        return decide(self, probability)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Predictor, 'predict', counted)
        patch.setattr(Threshold, 'decide', decided)
        arguments = (CONFIG, THRESHOLDED, folder / 'ortho.tif', '--out', out, *SETTINGS, *settings)
        assert run_here('predict_raster', *arguments) == 0
    return sum(count)


def test_a_map_that_was_cut_off_goes_on_to_the_bytes_of_a_whole_run(folder, tmp_path):
    whole, rest = predict(folder, tmp_path / 'whole'), predict(folder, folder, '--resume')
    assert 0 < rest < whole
    assert (folder / 'ortho_classes.tif').read_bytes() == (tmp_path / 'whole' / 'ortho_classes.tif').read_bytes()
    steps = []
    for made in (folder, tmp_path / 'whole'):
        with rasterio.open(made / 'ortho_prob.tif') as probabilities:
            steps.append(probabilities.read().astype(int))
    assert np.abs(steps[0] - steps[1]).max() <= 1  # another processor rounds otherwise
    assert not (folder / '.ortho_classes.tif.work').exists()


def test_a_finished_map_would_have_the_fingerprint_of_today(folder, tmp_path):
    predict(folder, tmp_path / 'whole')
    with rasterio.open(tmp_path / 'whole' / 'ortho_classes.tif') as made:
        tags = made.tags()
    assert tags['RUN_SHA256'] == FINGERPRINT
    assert tags['THRESHOLD'] == 'green from 0.074'


def test_a_checkpoint_predicts(tmp_path):
    with rasterio.open(OLD / 'map' / 'ortho.tif') as raster:
        image = np.moveaxis(raster.read(), 0, -1)
    green = Predictor.from_files(CONFIG, TRAINED, device='cpu')(image)[1]
    np.testing.assert_allclose(green[70:76, 7], GREEN_AT_AN_EDGE, atol=ROUNDING)
    assert green.mean() == pytest.approx(MEAN_GREEN, abs=ROUNDING)
    assert read_checkpoint(TRAINED)['meta']['iter'] == 40


def test_training_goes_on_from_a_checkpoint(tmp_path):
    write_green_root(tmp_path / 'green')
    work_dir = tmp_path / 'work'
    arguments = ('--data-root', tmp_path / 'green', '--work-dir', work_dir, '--resume', TRAINED)
    longer = ('train_cfg.max_iters=42', 'train_cfg.val_interval=42', 'default_hooks.checkpoint.interval=42')
    assert run_here('train', CONFIG, *arguments, '--cfg-options', *longer) == 0
    content = read_checkpoint(work_dir / 'iter_42.pth')
    assert content['meta']['iter'] == 42
    assert {int(state['step']) for state in content['optimizer']['state'].values()} == {42}


def test_a_stored_threshold_decides():
    facts = Predictor.from_files(CONFIG, THRESHOLDED, device='cpu').facts
    assert facts.decision == Threshold('green', 0.074, 1)
    assert Predictor.from_files(CONFIG, TRAINED, device='cpu').facts.decision is None


def test_the_threshold_of_a_report_is_stored(tmp_path):
    assert run_here('set_threshold', TRAINED, tmp_path / 'b.pth', '--from', OLD / 'report', '--best', 'iou') == 0
    assert read_checkpoint(tmp_path / 'b.pth')['meta']['threshold'] == {'class': 'green', 'value': 0.074}
    assert read_checkpoint(THRESHOLDED)['meta']['threshold'] == {'class': 'green', 'value': 0.074}


def test_a_report_is_compared(tmp_path):
    copy = shutil.copytree(OLD / 'report', tmp_path / 'again')  # the same folder twice is refused
    assert run_here('compare', f'a={OLD / "report"}', f'b={copy}', '--out', tmp_path / 'compared') == 0
    metrics = json.loads((OLD / 'report' / 'metrics.json').read_text(encoding='utf-8'))
    text = (tmp_path / 'compared' / 'comparison.md').read_text(encoding='utf-8')
    assert f'{metrics["classes"][1]["iou"]:.2f}' in text
