"""Official weights of a small network, and what the converter makes of them."""

import pytest
from conversion_support import CITY, convert
from official_network import OfficialNetwork, save_official


@pytest.fixture(scope='module')
def network():
    return OfficialNetwork()


@pytest.fixture
def official(tmp_path, network):
    return save_official(tmp_path / 'official.pth', network)


@pytest.fixture
def city(tmp_path, official):
    assert convert(official, tmp_path / 'city.pth', '--config', CITY) == 0
    return tmp_path / 'city.pth'
