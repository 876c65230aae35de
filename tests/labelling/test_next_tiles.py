"""Where to annotate next: unsure, spread out, not where tiles exist, and what make_tiles makes of it."""

import json

import numpy as np
import pyogrio
import pytest
import shapely
from areas_support import square, write_uncertainty, write_zones
from pyproj import Transformer
from raster_support import METRE, UTM, noise, write_raster
from tool_support import heard

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.labelling.next_tiles import next_tiles

TILE = 8


def doubt(folder, values, name='a', **options):
    """Write an uncertainty map with one value for each tile; 1 m pixels."""
    whole = np.kron(np.asarray(values), np.ones((TILE, TILE), int))
    return write_uncertainty(folder / f'{name}_uncertainty.tif', whole, **options)


def names(proposal):
    """Return row and column of each tile, in tiles."""
    return [tuple(int(part) // TILE for part in tile.name.split('_')[-2:]) for tile in proposal.tiles]


def test_the_first_is_where_the_network_is_least_sure(tmp_path):
    path = doubt(tmp_path, [[10, 20, 30], [40, 200, 60], [70, 80, 90]])
    proposal = next_tiles([path], count=1, tile=TILE)
    assert names(proposal) == [(1, 1)]
    [tile] = proposal.tiles
    assert (tile.name, tile.uncertainty) == ('a_00008_00008', round(200 / 254, 6))
    assert tile.outline.equals(square(8, 8, 8))


def test_the_next_lies_apart_though_its_neighbour_is_less_sure(tmp_path):
    values = np.full((1, 9), 10)
    values[0, :3], values[0, 6] = (100, 99, 98), 60
    # 9 tiles of 8 m over 3: spread evenly, 13.9 m apart. The neighbour's middle lies 4 m from the first tile.
    assert names(next_tiles([doubt(tmp_path, values)], count=3, tile=TILE)) == [(0, 0), (0, 2), (0, 6)]


def test_by_the_formula(tmp_path):
    values = np.random.default_rng(0).integers(0, 254, (6, 7))
    spacing, chosen = (6 * 7 * TILE**2 / 5) ** 0.5, []
    middles = {place: (np.array(place) + 0.5) * TILE for place in np.ndindex(values.shape)}
    for _ in range(5):
        worth = {}
        for place, middle in middles.items():
            boxes = [np.maximum(np.abs(middle - middles[other]) - TILE / 2, 0) for other in chosen]
            apart = min((float(np.hypot(*box)) for box in boxes), default=np.inf)
            worth[place] = -1 if place in chosen else values[place] / 254 * min(1, apart / spacing)
        chosen.append(max(worth, key=worth.get))
    assert names(next_tiles([doubt(tmp_path, values)], count=5, tile=TILE)) == chosen


def test_equal_tiles_are_taken_in_their_order(tmp_path):
    path = doubt(tmp_path, np.full((2, 4), 50))
    assert names(next_tiles([path], count=2, tile=TILE)) == [(0, 0), (0, 3)]  # 16 m and more are far enough


def test_what_exists_is_not_proposed_again_and_holds_others_off(tmp_path):
    path = doubt(tmp_path, [[200, 190, 180, 20, 20, 20, 20, 60]])
    first = write_zones(tmp_path / 'first.gpkg', [square(0, 0, 8)])
    part = write_zones(tmp_path / 'part.gpkg', [square(15, 7, 0.8)])  # less than a pixel of the second
    assert names(next_tiles([path], count=8, tile=TILE, not_in=[first]))[0] == (0, 2)
    assert (0, 1) not in names(next_tiles([path], count=8, tile=TILE, not_in=[first, part]))
    # In longitude and latitude, a tile's edge comes back with rounding: its neighbours stay.
    moved = tmp_path / 'moved.geojson'
    forward = Transformer.from_crs(UTM, 'EPSG:4326', always_xy=True).transform
    write_zones(moved, [shapely.transform(square(0, 0, 8), forward, interleaved=False)], crs='EPSG:4326')
    assert set(names(next_tiles([path], count=8, tile=TILE, not_in=[moved]))) == {(0, column) for column in range(1, 8)}


def test_a_file_of_another_place_is_told(tmp_path):
    path = doubt(tmp_path, [[9, 8]])
    far = write_zones(tmp_path / 'far.gpkg', [square(5000, 0, 8)])
    other = write_zones(tmp_path / 'other.geojson', [shapely.box(-120, -40, -119, -39)], crs='EPSG:4326')
    notes = next_tiles([path], count=1, tile=TILE, not_in=[far, other]).notes
    assert [note.split(' lies')[0] for note in notes] == [str(far), str(other)]


def test_tiles_with_too_little_data_are_left_out(tmp_path):
    values = np.kron(np.array([[255, 200, 100]]), np.ones((TILE, TILE), int))
    values[:5, TILE : 2 * TILE] = 255
    path = write_uncertainty(tmp_path / 'a_uncertainty.tif', values)
    assert names(next_tiles([path], count=9, tile=TILE)) == [(0, 2)]
    proposal = next_tiles([path], count=9, tile=TILE, max_nodata=0.7)
    assert names(proposal) == [(0, 1), (0, 2)]
    assert proposal.tiles[0].uncertainty == round(200 / 254, 6)  # of the pixels that have data
    assert 'asked for: 9 tiles; there are 2' in proposal.notes


def test_of_another_pixel_size_the_tiles_are_those_of_make_tiles(tmp_path):
    path = doubt(tmp_path, [[10, 20], [30, 200]])
    [tile] = next_tiles([path], count=1, tile=2 * TILE, gsd=0.5).tiles
    assert tile.name == 'a_00016_00016'
    assert shapely.symmetric_difference(tile.outline, square(8, 8, 8)).area < 0.5  # metres of UTM are a little off


def test_several_maps_share_the_tiles(tmp_path):
    far = METRE @ METRE.translation(5000, 0)
    maps = [doubt(tmp_path, [[90, 10]], 'a'), doubt(tmp_path, [[10, 80]], 'b', transform=far)]
    proposal = next_tiles(maps, count=2, tile=TILE)
    assert [tile.name for tile in proposal.tiles] == ['a_00000_00000', 'b_00000_00008']
    backwards = next_tiles(maps[::-1], count=2, tile=TILE)
    assert [tile.name for tile in backwards.tiles] == [tile.name for tile in proposal.tiles]


@pytest.mark.parametrize(
    ('wrong', 'said'),
    [
        ({'count': 0}, '--tiles 0'),
        ({'tile': 0}, '--tile 0'),
        ({'gsd': -1.0}, '--gsd is -1'),
        ({'max_nodata': 1.0}, '--max-nodata is 1'),
        ({'tile': 17}, 'is 16 x 16 pixels, and a tile 17 x 17: give --tile 16 or less'),
    ],
)
def test_numbers_out_of_range_are_refused(tmp_path, wrong, said):
    path = doubt(tmp_path, [[10, 20], [30, 200]])
    with pytest.raises(ConfigError, match=said):
        next_tiles([path], **{'count': 1, 'tile': TILE, **wrong})


def test_what_is_no_uncertainty_map_or_has_no_tile_left_is_refused(tmp_path):
    with pytest.raises(DataError, match='is not an uncertainty map'):
        next_tiles([write_raster(tmp_path / 'o.tif', noise(3))], count=1, tile=TILE)
    with pytest.raises(DataError, match='coordinate reference system'):
        next_tiles([doubt(tmp_path, [[9]], 'bare', crs=None)], count=1, tile=TILE)
    path = doubt(tmp_path, [[9]])
    with pytest.raises(DataError, match='none of 1 tile is left'):
        next_tiles([path], count=1, tile=TILE, not_in=[write_zones(tmp_path / 'z.gpkg', [square(0, 0, 8)])])


def test_the_tool_writes_the_same_file_again_and_make_tiles_takes_it(tmp_path):
    """The loop: a proposal, what somebody drew in it, and the tiles of that; then the next proposal, of other tiles."""
    raster = write_raster(tmp_path / 'a.tif', noise(3, (32, 32)), colours=('red', 'green', 'blue'))
    path = doubt(tmp_path, np.arange(16).reshape(4, 4) * 10)
    out, again = tmp_path / 'next.gpkg', tmp_path / 'again' / 'next.gpkg'
    options = ('--tiles', 4, '--tile', TILE)
    said = heard('next_tiles', path, *options, '--out', out)
    assert said.returncode == 0
    assert f'--annotated {out} --tile 8 --out DATA_ROOT' in said.stdout
    assert 'can be chosen from' not in said.stderr  # all of them
    assert heard('next_tiles', path, *options, '--out', again).returncode == 0
    assert out.read_bytes() == again.read_bytes()
    assert heard('next_tiles', path, *options, '--out', out).stderr.startswith(f'error: {out} exists')
    drawn = write_zones(tmp_path / 'drawn.gpkg', [square(0, 0, 32)])
    common = (raster, '--labels', f'green={drawn}', '--classes', 'background,green', '--tile', TILE)
    common = (*common, '--ratio', 1, 0, 0)
    made = heard('make_tiles', *common, '--annotated', out, '--out', tmp_path / 'root')
    assert made.returncode == 0, made.stderr
    first = stems(tmp_path / 'root')
    assert first == set(pyogrio.raw.read(out, layer='next', columns=['tile'])[3][0])
    assert json.loads((tmp_path / 'root' / 'dataset.json').read_text())['splits']['train']['ignored'] == 0
    second = tmp_path / 'second.gpkg'
    known = tmp_path / 'root' / 'tiles.gpkg'
    assert heard('next_tiles', path, *options, '--out', second, '--not-in', known).returncode == 0
    more = set(pyogrio.raw.read(second, layer='second', columns=['tile'])[3][0])
    assert len(more) == 4 and not more & first
    both = heard('make_tiles', *common, '--annotated', out, second, '--out', tmp_path / 'both')
    assert both.returncode == 0, both.stderr
    assert stems(tmp_path / 'both') == first | more


def stems(root):
    """Return the names of the images of a data root."""
    return {path.stem for path in root.rglob('a_*.tif')}
