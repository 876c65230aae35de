"""Write a demo scene like real data: an orthophoto, polygons of its green, and a raster and districts to map."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import rasterio
import shapely
from affine import Affine
from rasterio.features import shapes

from mmseg_aux_hrnet.demo.dataset import scene_seed
from mmseg_aux_hrnet.demo.scenes import Scene, draw_scene
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.files.whole import whole_folder

SYSTEM = 'EPSG:25832'
WEST, NORTH = 360_000.0, 5_700_000.0  # metres, of the upper left corner of the survey
GSD = 0.5  # metres per pixel
SIZES = {'survey': (1536, 1536), 'town': (768, 1024)}  # height and width in pixels
SMALLEST = 8  # pixels: nobody draws a polygon round less


def write_demo_survey(
    root: str | os.PathLike[str], *, seed: int, on_scene: Callable[[int, int], None] | None = None
) -> dict[str, float]:
    """Write ``survey.tif`` with ``green.gpkg``, and ``town.tif`` east of it with ``districts.gpkg``.

    Args:
        root: a folder that does not exist, or is empty; it appears whole or not at all.
        seed: another seed gives other scenes.
        on_scene: called after each raster with the number that are done and of all.

    Returns:
        The share of green pixels of each raster, 0..1.

    Raises:
        DataError: the folder holds something, or cannot be written.
    """
    root = Path(root)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise DataError(f'{root} is there already: move it away or choose another --out')
    green, west = {}, WEST
    try:
        with whole_folder(root) as part:
            for done, (name, size) in enumerate(SIZES.items(), start=1):
                scene = draw_scene(scene_seed(seed, split='survey', stem=name), height_width=size)
                place = Affine(GSD, 0, west, 0, -GSD, NORTH)
                _write_image(part / f'{name}.tif', scene, place)
                if name == 'survey':
                    outlines = [
                        shapely.geometry.shape(outline)
                        for outline, value in shapes(scene.label, mask=scene.label > 0, transform=place)
                        if value == 1
                    ]
                    outlines = [outline for outline in outlines if outline.area >= SMALLEST * GSD**2]
                    _write_polygons(part / 'green.gpkg', outlines, field='kind', values=['green'] * len(outlines))
                else:
                    middle, east = west + size[1] * GSD / 2, west + size[1] * GSD
                    sides = [shapely.box(west, NORTH - size[0] * GSD, middle, NORTH)]
                    sides.append(shapely.box(middle, NORTH - size[0] * GSD, east, NORTH))
                    _write_polygons(part / 'districts.gpkg', sides, field='name', values=['west', 'east'])
                green[name], west = float(scene.label.mean()), west + size[1] * GSD
                if on_scene is not None:
                    on_scene(done, len(SIZES))
    except OSError as error:
        raise DataError(
            f'demo survey {root}: {error.strerror or error} ({error.filename}); choose another --out'
        ) from error
    return green


def _write_image(path: Path, scene: Scene, place: Affine) -> None:
    height, width = scene.label.shape
    form: dict[str, Any] = {'driver': 'GTiff', 'count': 3, 'dtype': 'uint8', 'photometric': 'RGB', 'tiled': True}
    with rasterio.open(
        path, 'w', height=height, width=width, crs=SYSTEM, transform=place, compress='deflate', **form
    ) as dataset:
        dataset.write(np.moveaxis(scene.image, -1, 0))


def _write_polygons(path: Path, outlines: list[Any], *, field: str, values: list[str]) -> None:
    pyogrio.raw.write(
        path, shapely.to_wkb(np.array(outlines)), field_data=[np.array(values, object)], fields=[field],
        layer=path.stem, driver='GPKG', crs=SYSTEM, geometry_type='Polygon',
    )  # fmt: skip
