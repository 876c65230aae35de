"""What is asked of the polygons of a map, checked before any work is done."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.maps import options
from mmseg_aux_hrnet.maps.class_map.reading import ClassMap
from mmseg_aux_hrnet.maps.ground import Ground
from mmseg_aux_hrnet.maps.options import BUILDINGS, PARQUET, check_available
from mmseg_aux_hrnet.maps.polygonize.features import place
from mmseg_aux_hrnet.maps.polygonize.output import FORMATS
from mmseg_aux_hrnet.maps.polygonize.tracing import Floats

BACKGROUND = 'background'  # the class that nobody wants polygons of, unless they name it


@dataclass(frozen=True)
class PolygonRequest:
    """Which polygons, and how they are treated.

    Attributes:
        of: names of the classes to write; None for all but one called background.
        min_area: square metres; smaller polygons are left out.
        fill_holes: square metres; smaller holes are filled, with all that lies in them.
        simplify: metres; a corner goes when the triangle that it makes with its neighbours is smaller than its square.
        square: make corners right angles, for buildings.

    Raises:
        ConfigError: a number is no size, or squaring several classes is asked for.
        StackError: squaring is asked for and its extra is missing.
    """

    of: tuple[str, ...] | None = None
    min_area: float = 0.0
    fill_holes: float = 0.0
    simplify: float = 0.0
    square: bool = False

    def __post_init__(self) -> None:
        for name, unit in (('min_area', 'square metres'), ('fill_holes', 'square metres'), ('simplify', 'metres')):
            value = getattr(self, name)
            if not (value >= 0 and math.isfinite(value)):
                raise ConfigError(f'--{name.replace("_", "-")} {value:g}: give {unit} from 0 on')
        if self.square:
            check_available(BUILDINGS, extra='buildings')

    @property
    def needs_metres(self) -> bool:
        """Whether anything is asked for in metres."""
        return bool(self.min_area or self.fill_holes or self.simplify or self.square)

    def chosen(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return the indices of the classes to write.

        Args:
            names: of all classes of the map.

        Raises:
            ConfigError: a class is not of the map, or none or, to be squared, several are chosen.
        """
        unknown = [name for name in self.of or () if name not in names]
        if unknown:
            raise ConfigError(f'--of names {", ".join(unknown)}: the classes of the map are {", ".join(names)}')
        chosen = [i for i, name in enumerate(names) if (name in self.of if self.of else name.lower() != BACKGROUND)]
        if not chosen:
            raise ConfigError(f'the only class of the map is {", ".join(names)}: name it with --of to get its polygons')
        if self.square and len(chosen) > 1:
            raise ConfigError(
                f'--square would tear {", ".join(names[i] for i in chosen)} apart at their common borders: '
                'name the one that is buildings with --of'
            )
        return tuple(chosen)


def check_output(out: Path, *, source: Path, overwrite: bool) -> None:
    """Raise unless the polygons can be written to ``out``.

    Raises:
        ConfigError: its suffix names no format, it is the map itself, a folder, or exists and must not be replaced.
        StackError: the extra for its format is missing.
    """
    options.check_output(out, suffixes=FORMATS, inputs=[source], overwrite=overwrite)
    if out.suffix.lower() == '.parquet':
        check_available(PARQUET, extra='parquet')


def square_corners(outlines: NDArray[np.object_], *, tolerance: float) -> NDArray[np.object_]:
    """Return polygons with corners of 90 degrees, or 45 where the building has such; those it fails on as they were.

    Args:
        outlines: polygons in a plane.
        tolerance: how far the outline may move, in units of the plane; two to three pixels suit.
    """
    from buildingregulariser import regularize_geodataframe
    from geopandas import GeoDataFrame

    if not len(outlines):
        return outlines
    frame = GeoDataFrame({'source': np.arange(len(outlines))}, geometry=outlines)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)  # for each building that it leaves as it is
        squared = regularize_geodataframe(
            frame, simplify_tolerance=tolerance, parallel_threshold=2 * tolerance, allow_circles=False, num_cores=1
        )
    places, shapes = squared['source'].to_numpy(), np.asarray(squared.geometry.array)
    times = np.bincount(places, minlength=len(outlines))
    whole = (
        (times[places] == 1)
        & shapely.is_valid(shapes)
        & (shapely.get_type_id(shapes) == 3)
        & _near(shapes, outlines[places], tolerance=tolerance)
    )
    result: NDArray[np.object_] = outlines.copy()
    result[places[whole]] = shapes[whole]
    return result


def _near(shapes: NDArray[np.object_], outlines: NDArray[np.object_], *, tolerance: float) -> NDArray[np.bool_]:
    """Return whether the areas differ by no more than a band of the tolerance along the outline."""
    change: Floats = np.abs(shapely.area(shapes) - shapely.area(outlines))
    return np.asarray(change <= tolerance * shapely.length(outlines))


SQUARE = 1e-3  # by how much the sides of a pixel may differ, as a share, and its angle from a right one
SQUARING_PIXELS = 2.0  # how far outlines move when buildings are squared, unless --simplify says it
UNPLACED = Affine(1, 0, 0, 0, -1, 0)  # pixels, y upwards: where QGIS shows a raster that has no place


@dataclass(frozen=True)
class MapScale:
    """Where a map lies and how large its pixels are.

    Attributes:
        crs: None where the map has none.
        transform: from pixels to it.
        ground: None where the size of a pixel is not known.
        shape: (height, width) of the map.
        note: why it is not; None where it is.
    """

    crs: CRS | None
    transform: Affine
    ground: Ground | None
    shape: tuple[int, int]
    note: str | None = None

    @property
    def known(self) -> bool:
        """Whether the size of a pixel is known."""
        return self.ground is not None

    def pixel_area(self, places: Floats) -> Floats:
        """Return square metres of a pixel at places (column, row), float64 (n, 2) -> (n,)."""
        assert self.ground is not None  # whoever needs metres was refused by map_scale
        x, y = place(places, self.transform).T
        return np.asarray(self.ground.unit_areas(x, y) * abs(self.transform.determinant))

    def squaring_tolerance(self, request: PolygonRequest) -> float:
        """Return by how many pixels outlines may move when buildings are squared."""
        if not request.simplify:
            return SQUARING_PIXELS
        height, width = self.shape
        (area,) = self.pixel_area(np.array([[width / 2, height / 2]])).tolist()
        return request.simplify / math.sqrt(area)


def map_scale(class_map: ClassMap, request: PolygonRequest) -> MapScale:
    """Return the scale of a map, and refuse what a request needs and the map does not say.

    Raises:
        DataError: the request needs metres, and the map has no reference system, or one without known areas.
        ConfigError: buildings cannot be squared on pixels that are not square.
    """
    shape, transform = (class_map.height, class_map.width), class_map.transform
    crs = None
    try:
        crs = class_map.crs()
        ground = class_map.ground(crs)
    except DataError as error:
        if request.needs_metres:
            raise
        return MapScale(crs, UNPLACED if transform.is_identity else transform, None, shape, note=str(error))
    if request.square and not (crs.is_projected and _square_pixels(transform)):
        raise ConfigError(
            f'{class_map.path}: --square needs square pixels of a projected reference system, and these are '
            f'{transform.a:g} by {transform.e:g} of {crs.name}: reproject the map first'
        )
    return MapScale(crs, transform, ground, shape)


def _square_pixels(transform: Affine) -> bool:
    a, b, _, d, e, _ = tuple(transform)[:6]
    along, across = np.hypot(a, d), np.hypot(b, e)
    return bool(abs(along - across) < SQUARE * along and abs(a * b + d * e) < SQUARE * along * across)
