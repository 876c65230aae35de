"""Writes rasters that lie beside, over and apart from one another, and the ground that they show together."""

import numpy as np
import rasterio
from affine import Affine
from raster_support import METRE, UTM, noise, write_raster

# Of each raster the first row and column on the ground, height and width; a window is 16 pixels.
LAYOUTS = {
    'side by side': [(0, 0, 40, 33), (0, 33, 40, 28)],
    'odd offsets and overlaps': [(0, 0, 37, 41), (11, 29, 50, 45), (30, 3, 41, 33), (55, 60, 7, 9)],
    'gaps': [(0, 0, 20, 20), (0, 27, 20, 20), (31, 0, 20, 20), (35, 30, 9, 11)],
    'one in another': [(0, 0, 50, 50), (13, 7, 11, 19)],
    'corner to corner': [(0, 0, 21, 23), (21, 23, 25, 17)],
    'smaller than a window': [(0, 0, 5, 5), (0, 5, 5, 6), (5, 0, 7, 3)],
}


def sheets(folder, layout, *, holes=False, bands=3, **options):
    """Write a raster for each place of a layout and return their paths; values differ where they overlap."""
    folder.mkdir(exist_ok=True)
    paths = []
    for number, (top, left, height, width) in enumerate(layout):
        values = noise(bands, (height, width), seed=number)
        if holes:
            values[:, np.random.default_rng(number).random((height, width)) < 0.3] = 0
            options['nodata'] = 0
        transform = METRE @ Affine.translation(left, top)
        paths.append(write_raster(folder / f'{"abcdef"[number]}.tif', values, transform=transform, **options))
    return paths


def vrt(path, paths):
    """Write a VRT as gdalbuildvrt does with a nodata value of 0: the last raster is on top, where it has data."""
    opened = [rasterio.open(path) for path in paths]
    left, bottom, right, top = (
        pick(getattr(one.bounds, side) for one in opened)
        for pick, side in ((min, 'left'), (min, 'bottom'), (max, 'right'), (max, 'top'))
    )
    bands = ''
    for band, colour in enumerate(('Red', 'Green', 'Blue'), start=1):
        sources = ''.join(
            f'<ComplexSource><SourceFilename>{one.name}</SourceFilename><SourceBand>{band}</SourceBand>'
            f'<SrcRect xOff="0" yOff="0" xSize="{one.width}" ySize="{one.height}"/>'
            f'<DstRect xOff="{one.bounds.left - left:g}" yOff="{top - one.bounds.top:g}" xSize="{one.width}" '
            f'ySize="{one.height}"/><NODATA>0</NODATA></ComplexSource>'
            for one in opened
        )
        bands += (
            f'<VRTRasterBand dataType="Byte" band="{band}"><NoDataValue>0</NoDataValue>'
            f'<ColorInterp>{colour}</ColorInterp>{sources}</VRTRasterBand>'
        )
    path.write_text(
        f'<VRTDataset rasterXSize="{right - left:g}" rasterYSize="{top - bottom:g}"><SRS>{UTM}</SRS>'
        f'<GeoTransform>{left}, 1, 0, {top}, 0, -1</GeoTransform>{bands}</VRTDataset>'
    )
    return path


def composed(paths, layout, *, order=None, nearest=False):
    """Return values (3, H, W) of the ground, pixel by pixel: of the last raster that has data, or of the nearest."""
    height, width = (max(place[axis] + place[axis + 2] for place in layout) for axis in (0, 1))
    ground = np.zeros((3, height, width), np.uint8)
    best = np.full((height, width), np.inf)
    for number in range(len(paths)) if order is None else order:
        top, left, tall, wide = layout[number]
        with rasterio.open(paths[number]) as one:
            values = one.read()
        for row in range(tall):
            for column in range(wide):
                far = (2 * row + 1 - tall) ** 2 + (2 * column + 1 - wide) ** 2 if nearest else 0
                if values[:, row, column].any() and far <= best[top + row, left + column]:
                    best[top + row, left + column] = far
                    ground[:, top + row, left + column] = values[:, row, column]
    return ground


def read(path):
    """Return the bands of a file."""
    with rasterio.open(path) as opened:
        return opened.read()
