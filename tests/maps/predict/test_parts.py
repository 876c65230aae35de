"""Parts that share nothing but the folder of the maps: the bytes of one process, whatever happens to them."""

import json
import shutil

import numpy as np
import pytest
import rasterio
from map_support import Heard, StubModel, names
from raster_support import noise, write_raster

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.maps.predict.journal import Journal
from mmseg_aux_hrnet.maps.predict.many import map_paths, predict_rasters
from mmseg_aux_hrnet.maps.predict.parts import PLAN, finish_parts, predict_part
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.predict.shared_map import SharedMap
from mmseg_aux_hrnet.maps.predict.sharing import Part, block_costs


class KilledError(BaseException):
    """What a test ends a part by."""


class Dying(Heard):
    """A listener that ends the part when a block is done."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def on_block(self, path):
        super().on_block(path)
        if sum(kind == 'block' for kind, _ in self) > self.after:
            raise KilledError


def part(number, count, paths, folder, heard=None, **settings):
    """Predict a part and return how many windows that took, what failed, and what lies outside."""
    model = StubModel(shifted=True)
    listener = Heard() if heard is None else heard
    done = predict_part(
        model, paths, map_paths(paths, folder),
        part=Part(number, count), settings=MapSettings(**settings), listener=listener,
    )  # fmt: skip
    return model.count, *done


def finish(paths, folder, **settings):
    outs = map_paths(paths, folder)
    return finish_parts(StubModel(shifted=True), paths, outs, settings=MapSettings(**settings), listener=Heard())


def run(paths, folder, **settings):
    """Make all maps in one process."""
    model, outs = StubModel(shifted=True), map_paths(paths, folder)
    assert predict_rasters(model, paths, outs, settings=MapSettings(**settings), listener=Heard()) == ({}, [])


@pytest.fixture
def rasters(tmp_path):
    (tmp_path / 'in').mkdir()
    return [
        write_raster(tmp_path / 'in' / f'{name}.tif', noise(size=(50, 40), seed=seed))
        for seed, name in enumerate('abc')
    ]


@pytest.fixture
def expected(rasters, tmp_path):
    """Return the bytes that one process gives, by name."""
    run(rasters, tmp_path / 'one', probabilities='uint8')
    return {name: (tmp_path / 'one' / name).read_bytes() for name in names(tmp_path / 'one')}


def contents(folder):
    return {name: (folder / name).read_bytes() for name in names(folder)}


@pytest.mark.parametrize('order', [(1, 2, 3), (3, 1, 2)])
def test_parts_in_any_order_give_the_bytes_of_one_process(rasters, tmp_path, expected, order):
    out = tmp_path / 'out'
    for number in order:
        assert part(number, 3, rasters, out, probabilities='uint8')[1:] == ({}, [])
    assert finish(rasters, out, probabilities='uint8') == ({}, [], {})
    assert contents(out) == expected


def test_the_last_part_writes_the_maps_and_a_second_time_nothing_is_done(rasters, tmp_path, expected):
    for _ in range(2):
        counts = [part(number, 2, rasters, tmp_path / 'out', probabilities='uint8')[0] for number in (1, 2)]
    assert counts == [0, 0]
    assert contents(tmp_path / 'out') == expected


@pytest.mark.parametrize('after', (0, 2, 5))
def test_a_part_that_is_killed_goes_on(rasters, tmp_path, expected, after):
    out = tmp_path / 'out'
    with pytest.raises(KilledError):
        part(2, 2, rasters, out, Dying(after), probabilities='uint8')
    part(1, 2, rasters, out, probabilities='uint8')
    assert part(2, 2, rasters, out, probabilities='uint8')[0] > 0
    assert finish(rasters, out, probabilities='uint8') == ({}, [], {})
    assert contents(out) == expected


def test_a_part_that_runs_twice_at_a_time_changes_nothing(rasters, tmp_path, expected):
    out = tmp_path / 'out'
    second = []

    class Doubled(Heard):
        def on_block(self, path):
            if not second:
                second.append(part(1, 2, rasters, out, probabilities='uint8'))
                second.append(part(2, 2, rasters, out, probabilities='uint8'))

    part(1, 2, rasters, out, Doubled(), probabilities='uint8')  # the others finish all while it is in its first map
    assert finish(rasters, out, probabilities='uint8') == ({}, [], {})
    assert contents(out) == expected


def test_what_is_missing_is_listed_by_part_and_what_is_whole_is_written(rasters, tmp_path, expected):
    out = tmp_path / 'out'
    part(1, 3, rasters, out, probabilities='uint8')
    _, _, left = finish(rasters, out, probabilities='uint8')
    assert list(left) == [Part(2, 3), Part(3, 3)]
    assert set(left[Part(2, 3)]) == {1}
    assert {name for name in names(out) if name.endswith('.tif')} == {'a_classes.tif', 'a_prob.tif'}
    for missing in left:
        part(*missing, rasters, out, probabilities='uint8')
    assert finish(rasters, out, probabilities='uint8')[2] == {}
    assert contents(out) == expected


def test_one_process_goes_on_where_parts_were(rasters, tmp_path, expected):
    part(2, 3, rasters, tmp_path / 'out', probabilities='uint8')
    (tmp_path / 'out' / PLAN).unlink()
    run(rasters, tmp_path / 'out', probabilities='uint8', resume=True)
    assert contents(tmp_path / 'out') == expected


def test_a_bad_raster_is_told_by_one_part_and_stops_nobody(rasters, tmp_path):
    rasters[1].write_bytes(b'no raster')
    failed = [part(number, 2, rasters, tmp_path / 'out')[1] for number in (1, 2)]
    assert [list(each) for each in failed] == [[1], []]
    assert names(tmp_path / 'out') == ['a_classes.tif', 'c_classes.tif']
    assert list(finish(rasters, tmp_path / 'out')[0]) == [1]


def test_a_raster_that_could_not_be_read_at_first_is_made_by_the_first_part(rasters, tmp_path):
    content = rasters[1].read_bytes()
    rasters[1].write_bytes(b'not yet there')
    part(2, 2, rasters, tmp_path / 'out')
    rasters[1].write_bytes(content)
    assert list(finish(rasters, tmp_path / 'out')[2]) == [Part(1, 2)]
    part(1, 2, rasters, tmp_path / 'out')
    assert finish(rasters, tmp_path / 'out') == ({}, [], {})


def test_copies_of_a_raster_on_other_machines_are_the_same_raster(tmp_path):
    here, there = (tmp_path / name / 'a.tif' for name in ('here', 'there'))
    for path in (here, there):
        path.parent.mkdir()
    write_raster(here, noise(3, (60, 50)))
    shutil.copyfile(here, there)  # at another time
    part(2, 2, [here], tmp_path / 'out')
    part(1, 2, [there], tmp_path / 'out')
    assert finish([here], tmp_path / 'out') == ({}, [], {})


def test_a_raster_of_other_content_is_refused(tmp_path):
    here, there = (tmp_path / name / 'a.tif' for name in ('here', 'there'))
    for seed, path in enumerate((here, there)):
        path.parent.mkdir()
        write_raster(path, noise(3, (60, 50), seed=seed))
    part(1, 2, [here], tmp_path / 'out')
    _, failed, _ = part(2, 2, [there], tmp_path / 'out')
    assert 'a.tif had other content' in failed[0]


@pytest.mark.parametrize(
    ('text', 'said'),
    [('0/4', 'give I/N, part I of N from 1/N to N/N'), ('5/4', 'such as 1/4'), ('2', ''), ('a/b', ''), ('1/0', '')],
)
def test_a_part_that_is_not_there_is_refused(text, said):
    with pytest.raises(ConfigError, match=f'--part {text}: .*{said}'):
        Part.parse(text)


def test_another_count_of_parts_is_refused(rasters, tmp_path):
    part(1, 4, rasters, tmp_path / 'out')
    with pytest.raises(ConfigError, match=r'was begun in 4 parts, not 8: give --part I/4'):
        part(2, 8, rasters, tmp_path / 'out')


def test_other_rasters_and_other_settings_are_refused(rasters, tmp_path):
    part(1, 2, rasters, tmp_path / 'out')
    with pytest.raises(ConfigError, match=r'was begun with other rasters \(1 differ, such as c\.tif\)'):
        part(2, 2, rasters[:2], tmp_path / 'out')
    with pytest.raises(ConfigError, match='overlap was 0.33.*, now 0.5.*give all parts the same'):
        part(2, 2, rasters, tmp_path / 'out', overlap=0.5)


def test_there_is_nothing_to_finish_without_parts(rasters, tmp_path):
    with pytest.raises(ConfigError, match='holds no maps in parts: run the parts first'):
        finish(rasters, tmp_path / 'out')


def test_another_map_is_not_overwritten(rasters, tmp_path):
    run(rasters, tmp_path / 'out', overlap=0.5)
    _, failed, _ = part(1, 1, rasters, tmp_path / 'out')
    assert 'which was made otherwise, exists: remove it, or give another --out' in failed[0]


def test_parts_are_balanced_by_what_overviews_show_to_be_valid(tmp_path):
    values = noise(3, (256, 256))
    values[:, 64:] = 0
    path = write_raster(tmp_path / 'a.tif', values, nodata=0, tiled=True, blockxsize=16, blockysize=16)
    model, settings = StubModel(window=(32, 32)), MapSettings(overlap=0.0)
    raster_map = RasterMap(model, path, tmp_path / 'a_classes.tif', settings)
    assert block_costs(raster_map) == (8 * 9,) * 8
    with rasterio.open(path, 'r+') as raster:
        raster.build_overviews([2, 4])
    assert block_costs(raster_map) == (8 * 9,) * 2 + (8,) * 6
    assert block_costs(raster_map, among=(1, 5)) == (72, 8)


def test_the_first_of_two_conditions_stays(tmp_path):
    first, second = Journal(tmp_path / '.a.work'), Journal(tmp_path / '.a.work')
    first.join({'window': 16}, compare=lambda old, new: [])
    second.join({'window': 32}, compare=lambda old, new: [])
    assert first.conditions() == {'window': 16}
    assert [first.add_first('content', [1]), second.add_first('content', [2])] == [[1], [1]]
    assert second.conditions() == {'window': 16, 'content': [1]}
    second.finish(second.conditions())
    assert json.loads((tmp_path / '.a.json').read_text()) == {'window': 16, 'content': [1]}
    assert [path.name for path in tmp_path.iterdir()] == ['.a.json']


def test_a_block_that_comes_after_the_map_is_finished_leaves_nothing(tmp_path):
    path = write_raster(tmp_path / 'a.tif', noise(3, (60, 50)))
    late, quick = (SharedMap(StubModel(), path, tmp_path / 'a_classes.tif', MapSettings()) for _ in range(2))
    assert late.begin()
    assert quick.begin()
    quick.predict(quick.missing())
    quick.complete()
    late.predict(range(late.blocks))
    late.complete()
    assert sorted(each.name for each in tmp_path.glob('.a*')) == ['.a_classes.tif.json']
    assert not late.begin()
    np.testing.assert_array_equal(late.missing(), range(late.blocks))
