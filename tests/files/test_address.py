"""Addresses of files on servers: what they are called, and what nobody sees of them."""

import pickle
from pathlib import Path

import pytest

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.files.address import Address, as_path, scrub

SIGNED = 'https://me:word@host.org:81/a/b_1.tif?sig=KEY/x&url=https://other#part'


@pytest.mark.parametrize(
    ('text', 'gdal', 'shown', 'host'),
    [
        (SIGNED, f'/vsicurl/{SIGNED}', 'https://host.org:81/a/b_1.tif', 'host.org:81'),
        ('s3://bucket/a/b_1.tif', '/vsis3/bucket/a/b_1.tif', 's3://bucket/a/b_1.tif', 'bucket'),
        ('gs://bucket/b_1.tif', '/vsigs/bucket/b_1.tif', 'gs://bucket/b_1.tif', 'bucket'),
        ('AZ://box/b_1.tif', '/vsiaz/box/b_1.tif', 'az://box/b_1.tif', 'box'),
        ('/vsis3/bucket/b_1.tif', '/vsis3/bucket/b_1.tif', '/vsis3/bucket/b_1.tif', 'bucket'),
        (
            '/vsizip//vsicurl/https://host.org/x.zip/b_1.tif',
            '/vsizip//vsicurl/https://host.org/x.zip/b_1.tif',
            '/vsizip//vsicurl/https://host.org/x.zip/b_1.tif',
            'host.org',
        ),
        (
            '/vsicurl?header.Authorization=KEY&url=https%3A//host.org/b_1.tif%3Fsig%3DKEY',
            '/vsicurl?header.Authorization=KEY&url=https%3A//host.org/b_1.tif%3Fsig%3DKEY',
            '/vsicurl/https://host.org/b_1.tif',
            'host.org',
        ),
    ],
)
def test_an_address_shows_no_secret_and_gives_gdal_all_of_it(text, gdal, shown, host):
    address = as_path(text)
    assert isinstance(address, Address)
    assert (address.gdal, str(address), f'{address}', address.host) == (gdal, shown, shown, host)
    assert 'KEY' not in repr(address) + str(address.parent)
    assert (address.name, address.stem, address.suffix) == ('b_1.tif', 'b_1', '.tif')


def test_it_is_no_file_of_this_machine_and_stays_itself():
    address = as_path(SIGNED)
    assert not address.exists() and not address.is_file() and not address.is_dir()
    assert address.resolve() == address.absolute() == as_path(address) == address
    assert pickle.loads(pickle.dumps(address)).gdal == address.gdal
    assert len({address, as_path(SIGNED), as_path(f'{SIGNED}2')}) == 2
    assert address != Path(str(address))


def test_it_is_known_again_where_a_path_was_made_of_it():
    assert as_path(Path('https://host.org/a/b.tif')).gdal == '/vsicurl/https://host.org/a/b.tif'


@pytest.mark.parametrize('text', ['a/b.tif', 'ortho/*.tif', 'C:/x.tif', 'what?.tif', '/vs/x.tif'])
def test_paths_stay_paths(text):
    assert as_path(text) == Path(text) and not isinstance(as_path(text), Address)


def test_an_unknown_kind_of_address_is_refused_without_its_query():
    with pytest.raises(ConfigError, match=r'^hdfs://host/x\.tif cannot be read: .*https://.*s3://') as error:
        as_path('hdfs://host/x.tif?sig=KEY')
    assert 'KEY' not in str(error.value)


def test_messages_of_others_are_scrubbed():
    said = "HTTP 503 - 'https://me:word@host/x.tif?sig=KEY': again? no; /vsicurl/http://h/y.tif?a=KEY."
    assert scrub(said) == "HTTP 503 - 'https://host/x.tif': again? no; /vsicurl/http://h/y.tif"
    assert scrub('is it there? yes') == 'is it there? yes'
