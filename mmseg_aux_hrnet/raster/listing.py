"""Lists of rasters: names in a text file, items of STAC as JSON, and STAC-GeoParquet."""

import io
import json
import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

from mmseg_aux_hrnet.errors import ConfigError, DataError, StackError
from mmseg_aux_hrnet.files.address import Address, as_path
from mmseg_aux_hrnet.raster.remote import read_bytes

TEXT, PARQUET = '.txt', '.parquet'
LISTS = (TEXT, '.json', '.geojson', PARQUET)
RASTERS = ('tif', 'tiff', 'jp2', 'vrt')  # ends of addresses, where an asset does not say its type
TYPES = ('image/tiff', 'image/vnd.stac.geotiff', 'image/jp2')
NO_RASTERS = {'thumbnail', 'overview', 'metadata'}  # roles


class Asset(NamedTuple):
    """A file of an item.

    Attributes:
        href: its address, or its name beside the item.
        kind: media type; empty where it is not known.
        roles: such as ``data``.
    """

    href: str
    kind: str
    roles: tuple[str, ...]

    @property
    def is_raster(self) -> bool:
        """Whether it may be a raster, by its type, name and roles."""
        end = self.href.partition('?')[0].rpartition('.')[2].lower()
        said = self.kind.lower().startswith(TYPES) if self.kind else end in RASTERS
        return said and not NO_RASTERS & {*self.roles}


def listed_rasters(path: Path, *, asset: str | None) -> list[Path]:
    """Return the rasters that a list names; names that are not addresses are looked for beside the list.

    Args:
        path: a text file with a name or address in each line; a JSON file with an item or an item collection of STAC;
            or a STAC-GeoParquet.
        asset: name or role of the asset of each item; None for its only raster, or its only one with the role ``data``.

    Raises:
        ConfigError: an item does not have the asset, or has several.
        DataError: the list cannot be read, is none of these, or is empty.
        StackError: what reads it is not installed.
    """
    if path.suffix.lower() == TEXT:
        lines = (
            re.split(r'(?:^|\s)#', line)[0].strip()
            for line in _content(path).decode('utf-8-sig', 'replace').splitlines()
        )
        names = [line for line in lines if line]
    else:
        items = _parquet_items(path) if path.suffix.lower() == PARQUET else _json_items(path)
        names = [_choose(f'{path}, item {name}', assets, asset).href for name, assets in items]
    if not names:
        raise DataError(f'{path} names no raster')
    return [_beside(path, name) for name in names]


def _content(path: Path) -> bytes:
    return read_bytes(path) if isinstance(path, Address) else path.read_bytes()


def _beside(path: Path, name: str) -> Path:
    found = as_path(name.removeprefix('file://'))
    if isinstance(found, Address) or found.is_absolute():
        return found
    return as_path(urljoin(str(path), name)) if isinstance(path, Address) else path.parent / found


def _json_items(path: Path) -> Iterator[tuple[str, Mapping[str, Asset]]]:
    try:
        said = json.loads(_content(path))
    except ValueError as error:
        raise DataError(f'{path} is not JSON ({error})') from error
    kind = said.get('type') if isinstance(said, dict) else None
    if kind in ('Catalog', 'Collection'):
        raise DataError(f'{path} is a {kind.lower()} of STAC: give its items, as files or as an item collection')
    if kind not in ('Feature', 'FeatureCollection'):
        raise DataError(f'{path} is neither an item nor an item collection of STAC')
    if find_spec('pystac') is None:
        raise StackError(f'{path}: items of STAC need pystac: pip install "mmseg-aux-hrnet[stac]"')
    from pystac import Item, STACError, STACTypeError

    for one in said['features'] if kind == 'FeatureCollection' else [said]:
        try:
            item = Item.from_dict(one, preserve_dict=False)
        except (STACError, STACTypeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f'{path} holds what is not an item of STAC ({type(error).__name__}: {error})') from error
        assets = item.assets.items()
        yield item.id, {name: Asset(one.href, one.media_type or '', tuple(one.roles or ())) for name, one in assets}


def _parquet_items(path: Path) -> Iterator[tuple[str, Mapping[str, Asset]]]:
    if find_spec('pyarrow') is None:
        raise StackError(f'{path}: a STAC-GeoParquet needs pyarrow: pip install "mmseg-aux-hrnet[parquet]"')
    from pyarrow import ArrowException
    from pyarrow.parquet import read_table

    try:
        rows: list[dict[str, Any]] = read_table(io.BytesIO(_content(path)), columns=['id', 'assets']).to_pylist()
        for row in rows:
            yield (
                row['id'],
                {
                    name: Asset(one['href'], one.get('type') or '', tuple(one.get('roles') or ()))
                    for name, one in row['assets'].items()
                    if one is not None
                },
            )
    except (ArrowException, KeyError, AttributeError) as error:
        raise DataError(f'{path} is not a STAC-GeoParquet, with columns id and assets ({error})') from error


def _choose(item: str, assets: Mapping[str, Asset], wanted: str | None) -> Asset:
    if wanted is None:
        rasters = [one for one in assets.values() if one.is_raster]
        found = rasters if len(rasters) == 1 else [one for one in rasters if 'data' in one.roles]
    elif wanted in assets:
        found = [assets[wanted]]
    else:
        found = [one for one in assets.values() if wanted in one.roles]
    if len(found) == 1:
        return found[0]
    known = ', '.join(name + (f' ({", ".join(one.roles)})' if one.roles else '') for name, one in assets.items())
    if wanted is None:
        raise ConfigError(f'{item}: {len(found) or "none"} of its assets may be meant: give --asset; it has {known}')
    what = 'no asset has that name or role' if not found else f'{len(found)} assets have that role'
    raise ConfigError(f'{item}: --asset is {wanted}, and {what}; it has {known or "none"}')
