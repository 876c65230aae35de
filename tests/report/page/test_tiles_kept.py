import numpy as np
from PIL import Image

from mmseg_aux_hrnet.evaluation.tile_keeper import pack_map
from mmseg_aux_hrnet.report.page import kept_tiles

MAPS = pack_map(np.array([[0, 1]])), pack_map(np.array([[1, 1]]))


def metrics_of(*paths):
    images = [{'name': f'tile {i}', 'image': str(path), 'iou': {'green': 50.0}} for i, path in enumerate(paths)]
    return {'class_of_interest': 'green', 'images': images}


def test_image_is_read_again_from_its_file(tmp_path):
    Image.new('RGB', (2, 1), (1, 2, 3)).save(tmp_path / 'a.png')
    tiles = kept_tiles({str(tmp_path / 'a.png'): MAPS}, metrics_of(tmp_path / 'a.png'))
    assert tiles[0].name == 'tile 0'
    assert tiles[0].image.tolist() == [[[1, 2, 3], [1, 2, 3]]]
    assert (tiles[0].label.tolist(), tiles[0].prediction.tolist()) == ([[0, 1]], [[1, 1]])


def test_image_of_another_kind_leaves_the_maps(tmp_path):
    Image.fromarray(np.zeros((1, 2), np.uint16)).save(tmp_path / 'a.tif')
    tile = kept_tiles({str(tmp_path / 'a.tif'): MAPS}, metrics_of(tmp_path / 'a.tif'))[0]
    assert tile.image is None
    assert tile.label.tolist() == [[0, 1]]


def test_an_image_whose_maps_were_not_kept_has_no_tile(tmp_path):
    tiles = kept_tiles({str(tmp_path / 'b.png'): MAPS}, metrics_of(tmp_path / 'a.png', tmp_path / 'b.png'))
    assert {index: tile.name for index, tile in tiles.items()} == {1: 'tile 1'}
