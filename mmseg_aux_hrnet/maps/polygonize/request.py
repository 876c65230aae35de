"""The request for the polygons of a map, checked before the work."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mmseg_aux_hrnet.classes import BACKGROUND
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.maps.options import BUILDINGS, check_available


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
        ConfigError: a number is negative or not finite.
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

    def chosen(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return the indices of the classes to write.

        Args:
            names: of all classes of the map.

        Raises:
            ConfigError: the map does not have a class, or no class is chosen, or several to be squared.
        """
        unknown = [name for name in self.of or () if name not in names]
        if unknown:
            raise ConfigError(f'--of names {", ".join(unknown)}: the classes of the map are {", ".join(names)}')
        # Nobody wants polygons of the background, unless they name it.
        chosen = [i for i, name in enumerate(names) if (name in self.of if self.of else name.casefold() != BACKGROUND)]
        if not chosen:
            raise ConfigError(f'the only class of the map is {", ".join(names)}: name it with --of to get its polygons')
        if self.square and len(chosen) > 1:
            raise ConfigError(
                f'--square would tear {", ".join(names[i] for i in chosen)} apart at their common borders: name the '
                'class of the buildings with --of'
            )
        return tuple(chosen)
