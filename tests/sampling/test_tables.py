"""Tables of points and areas: what is read is what was written, and what is wrong is named."""

import numpy as np
import pytest

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.files.label_png import write_label_png
from mmseg_aux_hrnet.sampling.areas import mapped_areas, read_areas
from mmseg_aux_hrnet.sampling.drawing import Point
from mmseg_aux_hrnet.sampling.tables import read_sample, sample_text

CLASSES = ('background', 'green')


def write(folder, text, name='table.csv'):
    path = folder / name
    path.write_bytes(text.encode('utf-8') if isinstance(text, str) else text)
    return path


def test_places_stand_before_the_classes_where_a_map_has_them(tmp_path):
    placed = Point(tmp_path / 'a.tif', 3, 4, 'green', (500004.5, 5799996.5, 'EPSG:32633'))
    heading, first, second = sample_text([placed, Point(tmp_path / 'c.png', 0, 1, 'background')]).splitlines()
    assert heading == 'map_file,row,column,x,y,crs,map,reference'
    assert first == f'{(tmp_path / "a.tif").as_posix()},3,4,500004.5,5799996.5,EPSG:32633,green,'
    assert second == f'{(tmp_path / "c.png").as_posix()},0,1,,,,background,'


@pytest.mark.parametrize(
    'text',
    [
        'map,reference\ngreen,green\nbackground,green\ngreen,green\n',
        '\ufeffmap;reference\r\ngreen;green\r\nbackground;green\r\ngreen;green\r\n',  # a spreadsheet's
        'id,reference,note,map\n1,green,"a, b",green\n\n2, green ,,background\n3,green,,green\n',
    ],
)
def test_points_are_counted(tmp_path, text):
    assert read_sample(write(tmp_path, text), classes=CLASSES).tolist() == [[0, 1], [0, 2]]


def test_drawn_sample_is_read_when_filled_in(tmp_path):
    text = sample_text([Point(tmp_path / 'a, b.png', 3, 4, 'green'), Point(tmp_path / 'c.png', 0, 1, 'background')])
    assert text.splitlines()[1] == f'"{(tmp_path / "a, b.png").as_posix()}",3,4,green,'
    with pytest.raises(DataError, match='line 2 has no reference class'):
        read_sample(write(tmp_path, text), classes=CLASSES)
    filled = '\n'.join([line + 'green' if line.endswith(',') else line for line in text.splitlines()])
    assert read_sample(write(tmp_path, filled), classes=CLASSES).tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('map,reference\ngreen,tree\n', "line 2 has the reference class 'tree': allowed are background, green"),
        ('map,reference\n\n,green\n', 'line 3 has no map class'),
        ('map,truth\ngreen,green\n', 'has the columns map, truth and 1 line below: it needs map and reference'),
        ('map,map,reference\ngreen,green,green\n', 'it needs map and reference once'),
        ('map,reference\n', '0 lines below'),
        ('', 'has the columns none'),
        ('map,reference\ngreen,green,1\n', 'line 2 has 3 cells below a head of 2'),
        ('map,reference\ngreen,gr\u00fcn\n'.encode('latin-1'), 'not UTF-8 text at byte 22'),
    ],
)
def test_samples_that_are_refused(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read_sample(write(tmp_path, content), classes=CLASSES)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r'gone.csv cannot be read'):
        read_sample(tmp_path / 'gone.csv', classes=CLASSES)


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('areas.csv', 'class,ha\nbackground,90\ngreen,10.5\n'),
        ('areas.csv', 'ha;class\n90;background\n10.5;green\n'),
        ('areas.json', '{"unit": "ha", "areas": {"background": 90, "green": 10.5}}'),
    ],
)
def test_areas_are_read(tmp_path, name, text):
    assert read_areas(write(tmp_path, text, name)) == ({'background': 90.0, 'green': 10.5}, 'ha')


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('areas.csv', 'class,ha\ngreen,"10,5"\n', "line 2 has the area '10,5'.*decimal point"),
        ('areas.csv', 'class,ha\ngreen,-1\n', "the area '-1'"),
        ('areas.csv', 'class,ha\ngreen,nan\n', "the area 'nan'"),
        ('areas.csv', 'class,ha\ngreen,inf\n', "the area 'inf'"),
        ('areas.csv', 'class,ha\ngreen,1\ngreen,2\n', "names the class 'green' twice"),
        ('areas.csv', 'class,ha,m2\ngreen,1,2\n', 'needs two, class and the unit'),
        ('areas.json', '{"unit": "ha"}', 'is not of the form'),
        ('areas.json', '[1]', 'is not of the form'),
        ('areas.json', '{"unit": "ha", "areas": {"green": true}}', 'green has the area True'),
        ('areas.json', '[' * 100_000, 'is not of the form'),
    ],
)
def test_areas_that_are_refused(tmp_path, name, text, message):
    with pytest.raises(DataError, match=message):
        read_areas(write(tmp_path, text, name))


@pytest.mark.parametrize(('gsd', 'expected'), [(None, ({'background': 40.0, 'green': 10.0}, 'pixels')), (0.5, None)])
def test_areas_are_counted_on_maps(tmp_path, gsd, expected):
    """40 and 10 pixels of half a metre are 10 and 2.5 square metres."""
    label = np.zeros((5, 10), np.uint8)
    label[4] = 1
    write_label_png(tmp_path / 'map.png', label, [[0, 0, 0], [1, 1, 1]])
    seen = []
    found = mapped_areas(
        tmp_path, classes='background,green', gsd=gsd, on_map=lambda done, total: seen.append((done, total))
    )
    assert found == (expected or ({'background': 0.001, 'green': 0.00025}, 'ha'))
    assert seen == [(1, 1)]


@pytest.mark.parametrize(
    ('name', 'options', 'message'),
    [
        ('areas.csv', {'classes': 'a,b', 'gsd': None}, 'are for maps'),
        ('maps', {'classes': None, 'gsd': None}, '--classes must name its classes'),
        ('maps', {'classes': 'a,b', 'gsd': 0.0}, '--gsd 0.0'),
        ('maps', {'classes': 'a,b', 'gsd': float('nan')}, '--gsd nan'),
    ],
)
def test_options_that_are_refused(tmp_path, name, options, message):
    with pytest.raises(ConfigError, match=message):
        mapped_areas(tmp_path / name, **options, on_map=lambda done, total: None)
