import os
from pathlib import Path

import pytest
from raster_support import noise, write_raster

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.maps.legend import legend_tags
from mmseg_aux_hrnet.raster.inputs import find_rasters

MAP_TAGS = legend_tags(Classes(('ground', 'green')))


@pytest.fixture
def ortho(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / 'ortho'
    (folder / 'deep').mkdir(parents=True)
    for name in ('b.tif', 'a.TIFF', 'c[1].tif', 'deep/d.tif'):
        write_raster(folder / name, noise())
    for name in ('mosaic.vrt', 'with.png', 'with.pgw', 'without.png', 'a.tfw', 'b.tif.msk', 'b.tif.part', 'notes.md'):
        (folder / name).write_text('', encoding='utf-8')
    return Path('ortho')


def names(inputs):
    return [path.name for path in find_rasters([str(text) for text in inputs])]


def test_folder_gives_its_own_rasters_and_pictures_with_a_world_file(ortho):
    assert names([ortho]) == ['a.TIFF', 'b.tif', 'c[1].tif', 'mosaic.vrt', 'with.png']


def test_pattern_is_expanded_here_too_and_reaches_deeper(ortho):
    assert names(['ortho/*.tif']) == ['b.tif', 'c[1].tif']
    assert names(['ortho/**/*.tif']) == ['b.tif', 'c[1].tif', 'd.tif']
    assert names(['ortho/b.*']) == ['b.tif']


def test_file_with_signs_of_patterns_in_its_name_is_itself(ortho):
    assert names([ortho / 'c[1].tif']) == ['c[1].tif']


def test_each_raster_is_given_once_and_in_order(ortho):
    absolute = ortho.resolve() / 'b.tif'
    assert names([ortho / 'mosaic.vrt', absolute, 'ortho/../ortho/b.tif', ortho, 'ortho/b*.tif'])[:2] == [
        'a.TIFF',
        'b.tif',
    ]
    assert len(names([ortho, absolute, 'ortho/*.tif'])) == 5


def test_named_file_is_taken_whatever_it_is(ortho):
    assert names([ortho / 'notes.md', ortho / 'without.png']) == ['notes.md', 'without.png']


def test_maps_of_classes_are_left_out_of_folders_with_a_warning(ortho, caplog):
    path = write_raster(ortho / 'b_map.tif', noise(1), tags=MAP_TAGS)
    assert 'b_map.tif' not in names([ortho])
    assert 'left out 1 predicted map, such as b_map.tif' in caplog.text
    assert names([path]) == ['b_map.tif']


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        ('none.tif', r'none\.tif does not exist'),
        ('none/*.tif', r'no raster is in pattern none/\*\.tif'),
        ('empty', r'no raster is in folder empty: for deeper ones give "empty.\*\*.\*\.tif"'),
        ('ortho/*.txt', 'no raster is in pattern'),
        ('maps', 'no raster is in folder maps except predicted maps'),
        ('x' * 5000, 'cannot be read|does not exist'),
    ],
)
def test_input_without_rasters_is_one_line(ortho, given, message):
    for folder in ('empty', 'maps'):
        Path(folder).mkdir()
    write_raster(Path('maps/map.tif'), noise(1), tags=MAP_TAGS)
    with pytest.raises(DataError, match=message):
        find_rasters([str(ortho), given])


def test_folder_that_cannot_be_listed_is_one_line(ortho, monkeypatch):
    def refuse(self):
        raise PermissionError(13, 'Permission denied', str(self))

    monkeypatch.setattr(Path, 'iterdir', refuse)
    with pytest.raises(DataError, match=r'ortho cannot be read \(Permission denied\)'):
        find_rasters([str(ortho)])


@pytest.mark.skipif(
    not hasattr(os, 'geteuid') or os.geteuid() == 0, reason='needs a plain user: run the tests as another than root'
)
@pytest.mark.parametrize('given', ['ortho', 'ortho/b.tif'])
def test_folder_without_rights_is_one_line(ortho, given):
    ortho.chmod(0)
    try:
        with pytest.raises(DataError, match='Permission denied'):
            find_rasters([given])
    finally:
        ortho.chmod(0o700)
