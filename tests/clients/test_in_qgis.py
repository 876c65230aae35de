"""What a user of QGIS sees of maps, polygons and areas: names, colours, places."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from areas_support import square, write_zones
from map_support import StubModel
from PIL import Image
from raster_support import UTM, write_raster

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.labelling.next_tiles import next_tiles, write_next_tiles
from mmseg_aux_hrnet.maps import MapSettings, PolygonRequest, polygonize, predict_raster, zonal_area
from mmseg_aux_hrnet.maps.measure.table import write_areas
from mmseg_aux_hrnet.maps.styles import DOUBT, RAMP

pytestmark = pytest.mark.slow  # QGIS takes seconds to start
NEEDED = 'MMSEG_AUX_HRNET_NEED_QGIS'  # set where a missing QGIS is a failure
PYTHON = os.environ.get('QGIS_PYTHON', '/usr/bin/python3')  # that of the system: QGIS is not for an environment of pip
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(('PYTHON', 'VIRTUAL_ENV', 'GDAL'))}
GREEN = Classes(('background', 'green'), ((0, 0, 0), (0, 128, 0)), 1)
MANY = Classes(
    ('background', 'green', *(f'class {number}' for number in range(2, 19))),
    tuple((number * 13, 200 - number * 7, 40) for number in range(19)),
)
GREEN_BOX = (20, -40, 60, -10)  # of the bright pixels, left, bottom, right, top from the upper left corner


def run_qgis(*arguments):
    return subprocess.run([PYTHON, *arguments], capture_output=True, text=True, env=PLAIN, timeout=120)


def write_outputs(folder):
    """Write an image and all that is made of it, once with a place and once without; return what to draw."""
    values = np.full((3, 100, 150), 30, np.uint8)
    values[0, 10:40, 20:60] = 220  # green, by the red value
    values[1, :20] = 200
    values[:, 90:, 140:] = 0
    pictures = {}
    for name, place in (('placed', {}), ('bare', {'crs': None, 'transform': None})):
        image = write_raster(folder / f'{name}.tif', values, colours=('red', 'green', 'blue'), nodata=0, **place)
        made = folder / f'{name}_classes.tif'
        predict_raster(StubModel(legend=GREEN), image, made, MapSettings(probabilities='uint8', uncertainty=True))
        polygonize(made, folder / f'{name}.gpkg')
        pictures[f'{name}.png'] = [image, made]
        pictures[f'{name}_polygons.png'] = [made, folder / f'{name}.gpkg']
    settings = MapSettings(probabilities='uint8')
    predict_raster(StubModel(legend=MANY), folder / 'placed.tif', folder / 'many_classes.tif', settings)
    for suffix in ('.geojson', '.shp'):
        polygonize(folder / 'placed_classes.tif', folder / f'beside{suffix}')
    polygonize(folder / 'many_classes.tif', folder / 'many_classes.geojson')  # one style file for map and polygons
    polygonize(folder / 'placed_classes.tif', folder / 'none.gpkg', request=PolygonRequest(min_area=1e6))
    zones = write_zones(folder / 'z.gpkg', [square(20, 10, 20), square(0, 50, 40)], name=['in', 'out'], people=[5, 7])
    areas = zonal_area(folder / 'placed_classes.tif', zones=zones, id_field='name')
    for suffix in ('.gpkg', '.csv'):
        write_areas(areas, folder / f'areas{suffix}')
    unsure = folder / 'placed_uncertainty.tif'
    write_next_tiles(next_tiles([unsure], count=2, tile=40), folder / 'next.gpkg')
    pictures['unsure.png'] = [folder / 'placed.tif', unsure, folder / 'next.gpkg']
    pictures['areas.png'] = [folder / 'placed.tif', folder / 'areas.gpkg']
    others = (
        'placed_prob.tif',
        'many_classes.tif',
        'many_prob.tif',
        'many_classes.geojson',
        'beside.geojson',
        'beside.shp',
        'none.gpkg',
        'areas.csv',
    )
    pictures['probability.png'] = [folder / name for name in others]
    return {str(folder / picture): [str(path) for path in paths] for picture, paths in pictures.items()}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('outputs')


@pytest.fixture(scope='module')
def seen(folder):
    """What QGIS sees, by the name of the file; its pictures lie in the folder."""
    if not Path(PYTHON).exists() or run_qgis('-c', 'import qgis.core').returncode:
        words = 'needs QGIS: apt-get install --no-install-recommends qgis python3-qgis'
        (pytest.fail if os.environ.get(NEEDED) else pytest.skip)(words)
    ran = run_qgis(str(Path(__file__).with_name('in_qgis.py')), json.dumps(write_outputs(folder)))
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    print(f'QGIS {seen.pop("version")}, files in {folder}')
    assert all(seen.values()), seen
    return seen


def colour_at(folder, picture, *, column, row):
    """Return the colour of a picture at a pixel of the image that it shows, which is 150 wide."""
    with Image.open(folder / picture) as drawn:
        scale = drawn.width / 150
        return drawn.convert('RGB').getpixel((round((column + 0.5) * scale), round((row + 0.5) * scale)))


@pytest.mark.parametrize('name', ['placed', 'bare'])
def test_a_class_map_has_names_and_colours_and_a_bare_background(seen, name):
    shown = seen[f'{name}_classes.tif']
    assert shown['renderer'] == 'paletted'
    assert shown['classes'] == [[0, 'background', '#000000', 0], [1, 'green', '#008000', 255]]


def test_a_class_map_of_many_classes_has_an_entry_for_each(seen):
    assert [name for _, name, _, _ in seen['many_classes.tif']['classes']] == list(MANY.names)


@pytest.mark.parametrize('name', ['placed', 'bare'])
def test_map_and_polygons_lie_where_the_image_lies(seen, folder, name):
    image, made, polygons = (seen[file]['bounds'] for file in (f'{name}.tif', f'{name}_classes.tif', f'{name}.gpkg'))
    assert made == image
    assert [polygons[0] - image[0], polygons[1] - image[3], polygons[2] - image[0], polygons[3] - image[3]] == list(
        GREEN_BOX
    )
    assert colour_at(folder, f'{name}.png', column=40, row=25) == (0, 128, 0)
    assert colour_at(folder, f'{name}.png', column=100, row=10) == (30, 200, 30)  # the image, through the background
    assert colour_at(folder, f'{name}.png', column=100, row=60) == (30, 30, 30)
    assert colour_at(folder, f'{name}_polygons.png', column=40, row=25) == (0, 128, 0)


@pytest.mark.parametrize(('name', 'bands', 'band'), [('placed', 1, 1), ('many', 19, 2)])
def test_probabilities_are_a_ramp(seen, name, bands, band):
    shown = seen[f'{name}_prob.tif']
    assert (shown['renderer'], shown['bands'], shown['band']) == ('singlebandpseudocolor', bands, band)
    assert [colour for _, colour, _ in shown['ramp']] == list(RAMP)


def test_uncertainty_lets_the_image_through_where_the_model_is_sure(seen, folder):
    shown = seen['placed_uncertainty.tif']
    assert (shown['renderer'], shown['band']) == ('singlebandpseudocolor', 1)
    assert [colour for _, colour, _ in shown['ramp']] == [colour for colour, _ in DOUBT]
    assert seen['next.gpkg']['renderer'] == 'singleSymbol'
    assert seen['next.gpkg']['fields']['uncertainty'] == ['Real', 'mean uncertainty']
    red, green, blue = colour_at(folder, 'unsure.png', column=25, row=25)  # 1 - 2 * (220 / 256 - 1 / 2) = 0.28
    assert red > 230 and 50 < green < 150 and blue < 120  # half yellow over the image, which is red
    assert colour_at(folder, 'unsure.png', column=145, row=95) == (255, 255, 255)  # no data in either


@pytest.mark.parametrize('file', ['placed.gpkg', 'none.gpkg', 'beside.geojson', 'beside.shp', 'many_classes.geojson'])
def test_polygons_are_shown_by_class_in_the_colours_of_the_map(seen, file):
    shown = seen[file]
    assert (shown['renderer'], shown['attribute']) == ('categorizedSymbol', 'class_name')
    if 'many' not in file:
        assert shown['classes'] == [['green', 'green', '#008000']]
    assert shown['fields']['area_m2'] == ['Real', 'area (m²)']
    assert shown['crs'] == ('EPSG:4326' if 'geojson' in file else UTM)


def test_areas_are_shown_by_percent_and_keep_the_fields_of_the_zones(seen, folder):
    shown = seen['areas.gpkg']
    assert (shown['renderer'], shown['attribute']) == ('graduatedSymbol', 'green_percent')
    assert len(shown['ranges']) == 5
    assert shown['fields']['green_ha'] == ['Real', 'green (ha)']
    assert shown['fields']['people'][0] == 'Integer64'
    assert colour_at(folder, 'areas.png', column=30, row=20) == (26, 141, 26)  # all of it is green
    assert colour_at(folder, 'areas.png', column=20, row=70) == (230, 242, 230)  # nothing of it


def test_numbers_of_a_csv_are_numbers(seen):
    fields = {name: kind for name, (kind, _) in seen['areas.csv']['fields'].items()}
    assert fields.pop('name') == 'String'
    assert set(fields.values()) == {'Real'}
