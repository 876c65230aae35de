"""Lists of rasters: text, items of STAC, STAC-GeoParquet, near and far."""

import json
from datetime import datetime, timezone

import pyarrow
import pyarrow.parquet
import pytest
from raster_support import noise, write_raster
from remote_support import serving

pytest.importorskip('pystac')
from pystac import Asset, Item, ItemCollection

from mmseg_aux_hrnet.errors import ConfigError, DataError, StackError
from mmseg_aux_hrnet.raster import listing
from mmseg_aux_hrnet.raster.inputs import find_rasters

TIFF = 'image/tiff; application=geotiff; profile=cloud-optimized'
ASSETS = {
    'image': Asset('https://host/a.tif?sig=KEY', media_type=TIFF, roles=['data']),
    'nir': Asset('s3://bucket/nir.tif', media_type=TIFF, roles=['data', 'reflectance']),
    'cloud': Asset('https://host/cloud.tif', media_type=TIFF, roles=['mask']),
    'thumb': Asset('thumb.png', media_type='image/png', roles=['thumbnail']),
}


def item(name='one', **assets):
    made = Item(
        name, {'type': 'Point', 'coordinates': [0, 0]}, [0, 0, 0, 0], datetime(2026, 5, 1, tzinfo=timezone.utc), {}
    )
    for key, asset in (assets or ASSETS).items():
        made.add_asset(key, asset)
    return made.to_dict(include_self_link=False)


def write(path, said):
    path.write_text(json.dumps(said))
    return path


def found(path, asset=None):
    return sorted(getattr(raster, 'gdal', str(raster)) for raster in find_rasters([str(path)], asset=asset))


@pytest.mark.parametrize(
    ('asset', 'address'),
    [
        ('image', '/vsicurl/https://host/a.tif?sig=KEY'),
        ('reflectance', '/vsis3/bucket/nir.tif'),
        ('mask', '/vsicurl/https://host/cloud.tif'),
    ],
)
def test_an_item_gives_the_asset_of_a_name_or_role(tmp_path, asset, address):
    assert found(write(tmp_path / 'item.json', item()), asset) == [address]


@pytest.mark.parametrize(
    ('asset', 'said'),
    [
        ('red', r'item one: --asset is red, and no asset has that name or role; it has image \(data\), nir'),
        ('data', r'item one: --asset is data, and 2 assets have that role; it has image'),
        (None, r'item one: 2 of its assets may be meant: give --asset; it has image \(data\), .*thumb \(thumbnail\)$'),
    ],
)
def test_an_item_without_such_an_asset_is_refused_with_a_list_of_those_it_has(tmp_path, asset, said):
    with pytest.raises(ConfigError, match=said) as error:
        found(write(tmp_path / 'item.json', item()), asset)
    assert 'KEY' not in str(error.value)


def test_the_only_raster_and_the_only_one_of_data_need_no_name(tmp_path):
    only = {'a': Asset('a.tif'), 'thumb': ASSETS['thumb'], 'about': Asset('about.xml', roles=['metadata'])}
    assert found(write(tmp_path / 'one.json', item(**only))) == [str(tmp_path / 'a.tif')]
    data = {name: ASSETS[name] for name in ('image', 'cloud')}
    assert found(write(tmp_path / 'two.json', item(**data))) == ['/vsicurl/https://host/a.tif?sig=KEY']


def test_a_collection_of_items(tmp_path):
    items = [Item.from_dict(item(name, a=Asset(f'{name}.tif', media_type=TIFF))) for name in ('one', 'two')]
    path = write(tmp_path / 'items.geojson', ItemCollection(items).to_dict())
    assert found(path) == [str(tmp_path / 'one.tif'), str(tmp_path / 'two.tif')]


@pytest.mark.parametrize(
    ('said', 'why'),
    [
        ('{', 'is not JSON'),
        ('{"type": "Collection"}', 'is a collection of STAC: give its items'),
        ('[1]', 'is neither an item nor an item collection of STAC'),
        ('{"type": "FeatureCollection", "features": []}', 'names no raster'),
        ('{"type": "FeatureCollection", "features": [{"type": "Feature"}]}', 'holds what is not an item of STAC'),
    ],
)
def test_what_is_no_item_is_told(tmp_path, said, why):
    path = tmp_path / 'x.json'
    path.write_text(said)
    with pytest.raises(DataError, match=f'x.json {why}'):
        found(path)


def test_a_parquet_of_items(tmp_path):
    kinds = pyarrow.struct(
        [('href', pyarrow.string()), ('type', pyarrow.string()), ('roles', pyarrow.list_(pyarrow.string()))]
    )
    rows = [
        {'image': {'href': 's3://bucket/a.tif', 'type': TIFF, 'roles': ['data']}, 'thumb': None},
        {'image': {'href': 'b.tif', 'type': None, 'roles': None}, 'thumb': {'href': 'b.png', 'type': 'image/png'}},
    ]
    assets = pyarrow.array(rows, pyarrow.struct([('image', kinds), ('thumb', kinds)]))
    pyarrow.parquet.write_table(pyarrow.table({'id': ['a', 'b'], 'assets': assets}), tmp_path / 'items.parquet')
    assert found(tmp_path / 'items.parquet') == sorted(['/vsis3/bucket/a.tif', str(tmp_path / 'b.tif')])
    pyarrow.parquet.write_table(pyarrow.table({'id': ['a']}), tmp_path / 'other.parquet')
    with pytest.raises(DataError, match=r'other\.parquet is not a STAC-GeoParquet, with columns id and assets'):
        found(tmp_path / 'other.parquet')


def test_a_text_of_names_and_addresses(tmp_path):
    (tmp_path / 'list.txt').write_text(
        '\ufeff# of May\nhttps://host/a.tif?sig=KEY # of June\n\n  sub/b.tif\n/else/c.tif\n'
    )
    near = ['/else/c.tif', str(tmp_path / 'sub/b.tif')]
    assert found(tmp_path / 'list.txt') == sorted([*near, '/vsicurl/https://host/a.tif?sig=KEY'])


def test_lists_on_a_server_name_files_beside_them(tmp_path):
    with serving(tmp_path) as server:
        (tmp_path / 'day').mkdir()
        write_raster(tmp_path / 'day' / 'a.tif', noise())
        (tmp_path / 'day' / 'list.txt').write_text('a.tif\n')
        write(tmp_path / 'day' / 'item.json', item(a=Asset('./a.tif')))
        for name in ('day/list.txt', 'day/item.json?sig=KEY'):
            assert found(server.url(name)) == [f'/vsicurl/{server.url("day/a.tif")}']
        with pytest.raises(DataError, match=r'none\.json is not there'):
            found(server.url('none.json'))


@pytest.mark.parametrize(('suffix', 'extra'), [('.json', 'stac'), ('.parquet', 'parquet')])
def test_a_missing_library_is_named(tmp_path, monkeypatch, suffix, extra):
    monkeypatch.setattr(listing, 'find_spec', lambda name: None)
    with pytest.raises(StackError, match=rf'pip install "mmseg-aux-hrnet\[{extra}\]"'):
        found(write(tmp_path / f'x{suffix}', item()))
