"""Maps of small rasters by a model that costs nothing: values, files, and going on after anything that ends a run."""

import errno
import os
import shutil
import threading

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from map_support import THREE, THRESHOLD, StubModel, write_area
from raster_support import METRE, noise, write_raster
from rasterio.crs import CRS

from mmseg_aux_hrnet.errors import ConfigError, DataError, RasterError, ResourceError
from mmseg_aux_hrnet.maps.predict import raster_map
from mmseg_aux_hrnet.maps.predict.journal import Journal
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap, predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.raster.dataset import is_placed
from mmseg_aux_hrnet.raster.inputs import find_rasters

SIZES = [(1, 1), (1, 50), (50, 1), (7, 9), (16, 16), (61, 70)]


@pytest.fixture
def raster(tmp_path):
    return write_raster(tmp_path / 'ortho.tif', noise(3, (61, 70)))


def made(path):
    """Return the bands of a file."""
    with rasterio.open(path) as written:
        return written.read()


def run(raster, model=None, *, name='map_classes.tif', **settings):
    model = StubModel() if model is None else model
    return predict_raster(model, raster, raster.with_name(name), MapSettings(**settings))


@pytest.mark.parametrize('size', SIZES)
def test_a_pixel_is_green_where_its_probability_reaches_the_threshold(tmp_path, size):
    values = noise(3, size)
    out = run(write_raster(tmp_path / 'ortho.tif', values), StubModel(decision=THRESHOLD))
    np.testing.assert_array_equal(made(out), values[:1] >= 64)


@pytest.mark.parametrize('size', SIZES)
def test_without_a_threshold_the_most_probable_class_wins(tmp_path, size):
    values = noise(3, size)
    out = run(write_raster(tmp_path / 'ortho.tif', values), StubModel(legend=THREE))
    unlike = (made(out) != (values[:1] > 128)) & (values[:1] != 128)  # where both are equal, rounding decides
    assert not unlike.any()


@pytest.mark.parametrize('place', [None, Affine.identity(), METRE])
def test_a_map_says_where_it_lies_where_its_raster_does(tmp_path, place):
    """Of no place and of the transform that leaves all as it is rasterio says the same, and QGIS draws them apart."""
    path = write_raster(tmp_path / 'ortho.tif', noise(3), crs=None, transform=place)
    out = run(path, probabilities='uint8')
    for name in (path, out, tmp_path / 'map_prob.tif'):
        with rasterio.open(name) as opened:
            assert is_placed(opened) is (place is not None)
            assert opened.transform == (place or Affine.identity())


def test_a_third_of_nodata_stays_nodata_pixel_by_pixel(tmp_path):
    values = noise(3, (61, 70))
    hole = np.random.default_rng(1).random((61, 70)) < 0.3
    values[:, hole] = 0
    out = run(
        write_raster(tmp_path / 'ortho.tif', values, nodata=0), StubModel(decision=THRESHOLD), probabilities='uint8'
    )
    expected = np.where(hole, 255, values[0] >= 64)
    np.testing.assert_array_equal(made(out)[0], expected)
    np.testing.assert_array_equal(made(out.with_name('map_prob.tif'))[0] == 255, hole)


@pytest.mark.parametrize(('depth', 'steps'), [('uint8', 254), ('uint16', 65534)])
def test_probabilities_of_the_class_of_interest_are_whole_steps(raster, depth, steps):
    out = run(raster, probabilities=depth)
    expected = made(raster)[:1] / 256 * steps
    assert np.abs(made(out.with_name('map_prob.tif')) - expected).max() <= 0.5 + steps * 1e-6


def test_of_three_classes_every_probability_is_kept(raster):
    run(raster, StubModel(legend=THREE), probabilities='uint8')
    with rasterio.open(raster.with_name('map_prob.tif')) as written:
        assert written.descriptions == tuple(f'probability of {name}' for name in THREE.names)


@pytest.mark.parametrize('transform', [METRE @ METRE.rotation(20), METRE.scale(1, 1), METRE])
@pytest.mark.parametrize('crs', [None, 'EPSG:3857'])
def test_the_map_lies_where_the_raster_does(tmp_path, transform, crs):
    raster = write_raster(tmp_path / 'ortho.tif', noise(3, (20, 30)), crs=crs, transform=transform)
    with rasterio.open(run(raster)) as written:
        assert (written.crs, written.transform) == (crs and CRS.from_string(crs), transform)
        assert written.shape == (20, 30)


@pytest.mark.parametrize('settings', [{'batch_size': 1}, {'batch_size': 7}])
def test_the_bytes_do_not_depend_on_the_batch_size(raster, settings):
    expected = run(raster, StubModel(shifted=True)).read_bytes()
    assert run(raster, StubModel(shifted=True), name='b_classes.tif', **settings).read_bytes() == expected


def test_a_batch_of_none_and_other_settings_out_of_range_are_refused():
    for wrong in ({'batch_size': 0}, {'window': 0}, {'overlap': 1.0}, {'overlap': float('nan')}, {'gsd': 0.0}):
        with pytest.raises(ConfigError, match='give'):
            MapSettings(**wrong)
    for wrong in ({'bands': '1,,2'}, {'scale': '1'}):
        with pytest.raises(ConfigError, match='are needed'):
            MapSettings(**wrong)
    with pytest.raises(ConfigError, match='one of the two'):
        MapSettings(resume=True, overwrite=True)


@pytest.mark.parametrize(
    ('gsd', 'message'),
    [(0.24, r'--gsd 0\.24 would enlarge it 4\.17 times.*up to 4'), (16.5, r'would shrink it 16\.5 times.*up to 16')],
)
def test_resampling_beyond_reason_is_refused_before_any_work(raster, gsd, message):
    model = StubModel()
    with pytest.raises(DataError, match=message):
        run(raster, model, gsd=gsd)
    assert model.count == 0
    assert run(raster, gsd=0.26 if gsd < 1 else 15.5).is_file()


@pytest.mark.parametrize(('gsd', 'advice'), [(0.5, '--gsd 0.5 shows it'), (0.1, 'this map will be poor'), (0.9, None)])
def test_a_raster_unlike_those_of_training_is_told_what_can_be_done(raster, gsd, advice):
    notes = RasterMap(StubModel(gsd=gsd), raster, raster.with_name('map_classes.tif'), MapSettings()).plan.notes
    assert [advice in note for note in notes] == ([] if advice is None else [True])


def test_two_processes_do_not_make_one_map(raster):
    expected = run(raster, StubModel(shifted=True), name='whole_classes.tif').read_bytes()
    its_map = RasterMap(StubModel(), raster, raster.with_name('map_classes.tif'), MapSettings())
    for again in ({}, {'resume': True}, {'overwrite': True}):
        with its_map.locked(), pytest.raises(ConfigError, match='another process is making this map'):
            run(raster, **again)
    assert run(raster, StubModel(shifted=True)).read_bytes() == expected
    maps = {f'{name}_classes{suffix}' for name in ('map', 'whole') for suffix in ('.tif', '.tif.aux.xml', '.qml')}
    kept = {f'.{name}_classes.tif.json' for name in ('map', 'whole')}  # what they were made of
    assert {path.name for path in raster.parent.iterdir()} == {'ortho.tif', *maps, *kept}


def test_no_map_is_taken_for_an_image(raster):
    model = StubModel(legend=THREE)  # its probabilities have three bands
    run(raster, model, probabilities='uint8')
    for name in ('map_classes.tif', 'map_prob.tif'):
        with pytest.raises(RasterError, match=f'{name} is a predicted map'):
            run(raster.with_name(name), name='again_classes.tif')
    assert find_rasters([str(raster.parent)]) == [raster]


def test_what_is_there_is_not_replaced_unasked(raster):
    out = run(raster)
    before = out.stat().st_mtime_ns
    with pytest.raises(ConfigError, match=r'map_classes\.tif exists: replace it with --overwrite'):
        run(raster)
    assert out.stat().st_mtime_ns == before
    run(raster, overwrite=True)
    assert out.stat().st_mtime_ns > before


def test_a_finished_map_is_kept_on_resume(raster):
    run(raster)
    model = StubModel()
    run(raster, model, resume=True)
    assert model.count == 0


def test_a_map_that_was_made_otherwise_is_not_taken_for_finished(raster):
    run(raster)
    with pytest.raises(ConfigError, match='which was made with other settings, exists'):
        run(raster, resume=True, overlap=0.5)


def replaced_by_an_older_one(raster):
    status = raster.stat()
    write_raster(raster, noise(3, (61, 70), seed=5))
    assert raster.stat().st_size == status.st_size
    os.utime(raster, ns=(status.st_atime_ns - 10**12, status.st_mtime_ns - 10**12))  # as cp -p and rsync -a do


def with_a_mask(raster):
    write_mask(raster, np.arange(70) % 2 * np.ones((61, 1)) > 0)


def with_another_mask(raster):
    write_mask(raster, np.arange(70) % 3 * np.ones((61, 1)) > 0)


def write_mask(raster, mask):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(raster, 'r+') as opened:
        opened.write_mask(mask)


def with_another_nodata(raster):
    said = '<PAMRasterBand band="{}"><NoDataValue>9</NoDataValue></PAMRasterBand>'
    bands = ''.join(map(said.format, (1, 2, 3)))
    raster.with_name('ortho.tif.aux.xml').write_text(f'<PAMDataset>{bands}</PAMDataset>')


CHANGES = [replaced_by_an_older_one, with_a_mask, with_another_nodata]


@pytest.mark.parametrize('change', CHANGES)
def test_a_map_of_other_pixels_than_those_of_its_raster_is_not_taken_for_finished(raster, change):
    out = run(raster)
    before = out.read_bytes()
    change(raster)
    with pytest.raises(ConfigError, match='which was made with other settings, exists: replace it with --overwrite'):
        run(raster, resume=True)
    assert out.read_bytes() == before
    out.with_name('.map_classes.tif.json').unlink()  # as of an older version, which knew only times
    with pytest.raises(ConfigError, match='made with other settings'):
        run(raster, resume=True)


@pytest.mark.parametrize('change', CHANGES)
def test_a_run_on_other_pixels_is_not_continued(raster, change):
    with pytest.raises(Ended):
        run(raster, EndingModel(9))
    change(raster)
    with pytest.raises(ConfigError, match=r'begun with other settings \(ortho\.tif\S* had other content'):
        run(raster, resume=True)


def touched(raster):
    os.utime(raster)


def dated_in_the_future(raster):
    os.utime(raster, (4e9, 4e9))


def copied_anew(raster):
    shutil.copyfile(raster, raster.with_name('copy'))
    os.replace(raster.with_name('copy'), raster)


def looked_at(raster):
    raster.with_name('ortho.tif.ovr').write_bytes(b'overviews')
    raster.with_name('ortho.tif.aux.xml').write_text(
        '<PAMDataset><PAMRasterBand band="1"><Metadata><MDI key="STATISTICS_MEAN">9</MDI></Metadata></PAMRasterBand>'
        '</PAMDataset>'
    )


@pytest.mark.parametrize('change', [touched, dated_in_the_future, copied_anew, looked_at])
def test_a_raster_of_the_same_content_goes_on_and_stays_finished(raster, change):
    with pytest.raises(Ended):
        run(raster, EndingModel(9))
    change(raster)
    model = StubModel()
    run(raster, model, resume=True)
    change(raster)
    again = StubModel()
    run(raster, again, resume=True)
    assert (0 < model.count < 30, again.count) == (True, 0)


def test_a_run_goes_on_and_stays_finished_with_a_file_of_equal_polygons(raster):
    area = write_area(raster.with_name('area.geojson'), (500_000, 5_799_950, 500_060, 5_800_000))
    with pytest.raises(Ended):
        run(raster, EndingModel(9), aoi=area)
    again = area.with_name('again.geojson')
    again.write_text(area.read_text() + '\n')
    run(raster, resume=True, aoi=again)
    for which in (area, again):
        model = StubModel()
        run(raster, model, resume=True, aoi=which)
        assert model.count == 0


def test_a_raster_that_changes_while_it_is_predicted_makes_no_map(raster):
    class Changing(StubModel):
        def predict(self, images):
            if len(self.windows) == 5:
                replaced_by_an_older_one(raster)
            return super().predict(images)

    with pytest.raises(DataError, match=r'ortho\.tif changed during the prediction'):
        run(raster, Changing())
    assert not raster.with_name('map_classes.tif').exists()


def test_a_source_of_a_virtual_raster_counts_through_others(raster):
    inner, outer = raster.with_name('inner.vrt'), raster.with_name('outer.vrt')
    rasterio.shutil.copy(raster, inner, driver='VRT')
    outer.write_text(inner.read_text().replace('>ortho.tif<', '>inner.vrt<'))
    with pytest.raises(Ended):
        run(outer, EndingModel(9))
    run(inner, name='whole_classes.tif')
    replaced_by_an_older_one(raster)
    with pytest.raises(ConfigError, match=r'begun with other settings \(ortho\.tif had other content'):
        run(outer, resume=True)
    with pytest.raises(ConfigError, match='made with other settings'):
        run(inner, resume=True, name='whole_classes.tif')


class Ended(Exception):
    """Stands for what ends a process."""


class EndingModel(StubModel):
    """Ends the run at a call."""

    def __init__(self, calls, **settings):
        super().__init__(**settings)
        self.calls = calls

    def predict(self, images):
        self.calls -= 1
        if self.calls < 0:
            raise Ended
        return super().predict(images)


@pytest.mark.parametrize('calls', [0, 1, 4, 5, 9, 13])
@pytest.mark.parametrize('overlap', [1 / 3, 0.8])
def test_a_run_that_ended_goes_on_to_the_same_bytes_and_repeats_the_open_row_only(raster, calls, overlap):
    settings = {'overlap': overlap, 'batch_size': 2, 'probabilities': 'uint8'}
    whole = StubModel(shifted=True)
    expected = run(raster, whole, name='whole_classes.tif', **settings).read_bytes()
    with pytest.raises(Ended):
        run(raster, EndingModel(calls, shifted=True), **settings)
    assert not raster.with_name('map_classes.tif').exists()
    its_map = RasterMap(whole, raster, raster.with_name('map_classes.tif'), MapSettings(**settings))
    missing = len(its_map.missing())
    model = StubModel(shifted=True)
    out = run(raster, model, resume=True, **settings)
    assert out.read_bytes() == expected
    assert out.with_name('map_prob.tif').read_bytes() == out.with_name('whole_prob.tif').read_bytes()
    # Where a batch holds windows of two rows, one window of the row before may be predicted again with it.
    assert model.count - whole.count * missing // its_map.blocks in (0, 1)
    assert not its_map.journal.folder.exists()


def test_an_end_between_carry_and_block_is_no_loss(raster, monkeypatch):
    expected = run(raster, StubModel(shifted=True), name='whole_classes.tif').read_bytes()
    store, stored = Journal.store, []

    def stop_half_way(self, index, block, *, carry):
        if index == 2:
            store(self, index, {}, carry=carry)
            self._block(index).unlink()
            raise Ended
        stored.append(index)
        store(self, index, block, carry=carry)

    monkeypatch.setattr(Journal, 'store', stop_half_way)
    with pytest.raises(Ended):
        run(raster, StubModel(shifted=True))
    monkeypatch.undo()
    assert run(raster, StubModel(shifted=True), resume=True).read_bytes() == expected


def test_an_unfinished_run_of_other_settings_is_not_continued(raster):
    with pytest.raises(Ended):
        run(raster, EndingModel(9))
    with pytest.raises(ConfigError, match=r'overlap was 0\.33\d*, now 0\.5'):
        run(raster, resume=True, overlap=0.5)
    with pytest.raises(ConfigError, match='unfinished run'):
        run(raster)
    run(raster, overwrite=True, overlap=0.5)


def test_blocks_of_other_rows_make_no_map(raster):
    with pytest.raises(Ended):
        run(raster, EndingModel(9))
    block = raster.with_name('.map_classes.tif.work') / 'block_000001.npz'
    with block.open('wb') as file:
        np.savez(file, classes=np.zeros((1, 0, 70), np.uint8))
    with pytest.raises(DataError, match='holds other rows: start again with --overwrite'):
        run(raster, resume=True)
    assert not raster.with_name('map_classes.tif').exists()


@pytest.mark.parametrize('where', ['store', 'write_map'])
def test_a_full_disk_is_one_line_and_leaves_what_can_go_on(raster, monkeypatch, where):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, 'No space left on device')

    place = Journal if where == 'store' else raster_map
    monkeypatch.setattr(place, where, full)
    with pytest.raises(ResourceError, match=r'No space left on device\): make room, then continue with --resume'):
        run(raster)
    monkeypatch.undo()
    assert not raster.with_name('map_classes.tif').exists()
    assert run(raster, resume=True).is_file()


def test_no_thread_is_left_when_the_journal_cannot_be_written(raster, monkeypatch):
    monkeypatch.setattr(Journal, 'store', lambda *args, **kwargs: [].pop())
    with pytest.raises(IndexError) as caught:  # it keeps all frames alive
        run(raster)
    assert caught.tb is not None
    assert not [thread for thread in threading.enumerate() if 'ThreadPool' in thread.name]


def test_a_damaged_raster_is_one_line_and_leaves_no_map(tmp_path):
    raster = write_raster(tmp_path / 'ortho.tif', noise(3, (400, 70)), compress='deflate')
    content = bytearray(raster.read_bytes())
    content[40_000:43_000] = bytes(3_000)
    raster.write_bytes(content)
    with pytest.raises(RasterError, match=r'ortho\.tif, rows \d+ to \d+ .*damaged'):
        run(raster)
    assert not raster.with_name('map_classes.tif').exists()


def test_progress_is_told(raster):
    said = []
    predict_raster(
        StubModel(), raster, raster.with_name('m.tif'), on_block=lambda done, count: said.append((done, count))
    )
    assert said == [(done, len(said)) for done in range(1, len(said) + 1)]
    assert len(said) > 3


def test_tags_tell_how_the_map_was_made(raster):
    with rasterio.open(run(raster, StubModel(shifted=True), overlap=0.25)) as written:
        tags = written.tags()
    assert tags['MODEL'] == 'stub.pth'
    assert (tags['WINDOW'], tags['OVERLAP'], tags['BANDS'], tags['SCALE']) == ('16x16', '0.25', '1,2,3', 'none')
    assert tags['TIFFTAG_SOFTWARE'].startswith('mmseg-aux-hrnet ')
