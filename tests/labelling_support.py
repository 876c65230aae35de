"""Draws polygons and cuts rasters into tiles, for tests."""

import numpy as np
import pyogrio
import shapely
from PIL import Image
from raster_support import METRE, UTM, noise, write_raster

from mmseg_aux_hrnet.labelling.making import make_tiles
from mmseg_aux_hrnet.labelling.request import TileRequest


def write_layer(path, geometries, *, crs=UTM, layer=None, fields=None, append=False):
    """Write shapely geometries with fields (name: values) as a layer and return the path."""
    kinds = {shape.geom_type for shape in geometries}
    texts = {name: np.array(values, object) for name, values in (fields or {}).items()}
    pyogrio.raw.write(
        path, shapely.to_wkb(np.array(geometries, object)), field_data=list(texts.values()), fields=list(texts),
        crs=crs, geometry_type=kinds.pop() if len(kinds) == 1 else 'Unknown', layer=layer or path.stem, append=append,
    )  # fmt: skip
    return path


def random_polygons(count, *, seed, size=(90, 120), within=0):
    """Return seeded star-shaped polygons in pixels, of 4 to 12 corners, some with a hole, that overlap."""
    rng = np.random.default_rng(seed)
    polygons = []
    for _ in range(count):
        corners = int(rng.integers(4, 13))
        angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
        radii = rng.uniform(2, 15, corners)
        centre = rng.uniform((within, within), (size[1] - within, size[0] - within))
        shape = shapely.make_valid(
            shapely.Polygon(centre + radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)]))
        )
        hole = shape.buffer(-3)
        shape = shape.difference(hole) if rng.random() < 0.3 else shape
        polygons += [part for part in shapely.get_parts(shape) if part.geom_type == 'Polygon' and part.area > 1]
    return polygons


def on_map(polygons, transform=METRE):
    """Return polygons in pixels as polygons of a map."""
    return list(shapely.transform(np.array(polygons, object), lambda x, y: transform @ (x, y), interleaved=False))


def scene(folder, *, size=(96, 128), transform=METRE, crs=UTM, polygons=None, values=None, **options):
    """Write a raster and a layer of polygons (given in pixels) over it, and return both paths."""
    folder.mkdir(exist_ok=True)
    values = noise(3, size) if values is None else values
    raster = write_raster(folder / 'ortho.tif', values, transform=transform, crs=crs, **options)
    polygons = [shapely.box(10, 10, 60, 50)] if polygons is None else polygons
    return raster, write_layer(folder / 'green.gpkg', on_map(polygons, transform), crs=crs)


def cut(rasters, labels, out, *, dry_run=False, overwrite=False, **options):
    """Make tiles of 32 pixels and return what came of it."""
    options = {'classes': 'background,green', 'tile': 32, **options}
    rasters = rasters if isinstance(rasters, list) else [rasters]
    labels = labels if isinstance(labels, list) else [labels]
    request = TileRequest(labels=tuple(map(str, labels)), **options)
    return make_tiles([str(path) for path in rasters], out, request, dry_run=dry_run, overwrite=overwrite)


def labels_of(root, *, layout='labeldata'):
    """Return the labels of a data root by stem."""
    return {path.stem: np.array(Image.open(path)) for path in sorted((root / layout).rglob('*.png'))}


def pasted(root, shape, *, fill=255, name='ortho'):
    """Return the labels of the tiles of a raster at their places, (H, W)."""
    canvas = np.full(shape, fill, np.uint8)
    for stem, label in labels_of(root).items():
        row, column = map(int, stem.removeprefix(f'{name}_').split('_'))
        part = canvas[row : row + label.shape[0], column : column + label.shape[1]]
        part[:] = label[: part.shape[0], : part.shape[1]]
    return canvas
