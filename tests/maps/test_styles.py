"""What QGIS and GDAL are told; that QGIS shows it is tested in ``tests/clients``."""

from xml.etree import ElementTree

import pytest

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.maps.styles import RAMP, category_names, class_style, percent_style, ramp_style

ODD = Classes(('background', 'green <&> "Grün"\x07', "o'"), ((0, 0, 0), (0, 158, 115), (213, 94, 0)))


def test_a_class_map_has_an_entry_for_each_class_and_a_bare_background():
    style = ElementTree.fromstring(class_style(ODD))
    renderer = style.find('pipe/rasterrenderer')
    assert (renderer.get('type'), renderer.get('band')) == ('paletted', '1')
    entries = [
        [entry.get(key) for key in ('value', 'label', 'color', 'alpha')] for entry in renderer.iter('paletteEntry')
    ]
    assert entries == [
        ['0', 'background', '#000000', '0'],
        ['1', 'green <&> "Grün"\ufffd', '#009e73', '255'],
        ['2', "o'", '#d55e00', '255'],
    ]


@pytest.mark.parametrize(('chosen', 'named'), [(None, [0, 1, 2]), ((2, 1), [1, 2])])
def test_polygons_are_shown_by_class_in_the_colours_of_the_map(chosen, named):
    style = ElementTree.fromstring(class_style(ODD, chosen=chosen))
    assert len(style.findall('pipe//paletteEntry')) == 3  # a map of the same name finds its own in the same file
    renderer = style.find('renderer-v2')
    assert (renderer.get('type'), renderer.get('attr')) == ('categorizedSymbol', 'class_name')
    fills = {
        symbol.get('name'): symbol.find('.//Option[@name="color"]').get('value') for symbol in renderer.iter('symbol')
    }
    shown = [(category.get('label'), fills[category.get('symbol')]) for category in renderer.iter('category')]
    names, colours = ('background', 'green <&> "Grün"\ufffd', "o'"), ('0,0,0,255', '0,158,115,255', '213,94,0,255')
    assert shown == [(names[value], colours[value]) for value in named]
    assert {alias.get('field'): alias.get('name') for alias in style.iter('alias')}['area_m2'] == 'area (m²)'


def test_classes_without_colours_get_some():
    style = ElementTree.fromstring(class_style(Classes(tuple('abcdefghij'))))
    assert len({entry.get('color') for entry in style.iter('paletteEntry')}) == 8


def test_probabilities_are_a_ramp_of_one_band():
    renderer = ElementTree.fromstring(ramp_style(7)).find('pipe/rasterrenderer')
    assert (renderer.get('type'), renderer.get('band')) == ('singlebandpseudocolor', '7')
    items = [(float(item.get('value')), item.get('color'), item.get('label')) for item in renderer.iter('item')]
    assert [value for value, _, _ in items] == [0, 0.25, 0.5, 0.75, 1]
    assert [colour for _, colour, _ in items] == list(RAMP)
    assert items[1][2] == '25 %'


def test_percent_goes_from_white_to_the_colour():
    style = ElementTree.fromstring(percent_style('a"b_percent', (0, 100, 200), titles={'a"b_percent': 'a"b (%)'}))
    renderer = style.find('renderer-v2')
    assert (renderer.get('type'), renderer.get('attr')) == ('graduatedSymbol', 'a"b_percent')
    ranges = [(float(each.get('lower')), float(each.get('upper'))) for each in renderer.iter('range')]
    assert ranges == [(0, 20), (20, 40), (40, 60), (60, 80), (80, pytest.approx(100, abs=1e-5))]
    assert ranges[-1][1] > 100
    fills = [option.get('value') for option in renderer.iter('Option') if option.get('name') == 'color']
    assert (fills[0], fills[-1]) == ('230,240,250,255', '26,116,206,255')
    assert style.find('aliases/alias').get('name') == 'a"b (%)'


def test_gdal_is_told_names_and_colours_of_values():
    band = ElementTree.fromstring(category_names(ODD)).find('PAMRasterBand')
    assert [name.text for name in band.iter('Category')] == ['background', 'green <&> "Grün"\ufffd', "o'"]
    rows = [[cell.text for cell in row] for row in band.iter('Row')]
    assert rows[2] == ['2', "o'", '213', '94', '0', '255']
    assert [row[-1] for row in rows] == ['0', '255', '255']
