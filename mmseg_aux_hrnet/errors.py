"""The package's own errors: one root, each also the builtin it is."""

import re
from collections.abc import Sequence
from typing import Any

SHOWN = 5  # names in a message


class AuxHRNetError(Exception):
    """Root of every error that this package raises on purpose.

    Messages are one line: what was got, what was allowed, what to do. Tools exit with ``exit_code``.
    """

    exit_code = 2


class ConfigError(AuxHRNetError, ValueError):
    """A setting in a config or on a command line is wrong."""


class OutputExistsError(ConfigError, FileExistsError):
    """An output exists already, and no option allows to replace it."""


class InUseError(ConfigError):
    """Another process makes the same thing."""


class DataError(AuxHRNetError, ValueError):
    """A data set on disk is incomplete or contradicts its description."""


class SplitError(DataError):
    """A split list cannot be read or names something that is not there."""


class ImageError(DataError):
    """An image cannot be read as 8-bit RGB."""


class LabelError(DataError):
    """A label cannot be decoded into class indices."""


class PlaceError(LabelError):
    """A label lies at another place than its image."""


class RasterError(DataError):
    """A raster cannot be read as an image, or written."""


class OutsideAreaError(DataError):
    """A raster and the area of interest have no pixel in common."""


class CheckpointError(AuxHRNetError, RuntimeError):
    """A checkpoint cannot be loaded safely and completely."""


class ExportError(AuxHRNetError, RuntimeError):
    """A model cannot be exported, or the exported file would not give its results."""


class LaunchError(AuxHRNetError, RuntimeError):
    """Several processes cannot start together."""


class ResourceError(AuxHRNetError, RuntimeError):
    """Memory or disk space ran out."""


class DivergedError(AuxHRNetError, ArithmeticError):
    """Training produced numbers that are not finite."""


class TrainingInterrupted(AuxHRNetError, RuntimeError):
    """A signal ended training after a checkpoint was saved.

    Args:
        message: what was saved.
        signal_number: the signal, which gives the exit code 128 + number that shells use.
    """

    def __init__(self, message: str, *, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


class PredictionInterrupted(AuxHRNetError, RuntimeError):
    """Ctrl-C ended a prediction that can go on."""

    exit_code = 130  # 128 + SIGINT, as shells count


class StackError(AuxHRNetError, ImportError):
    """The OpenMMLab stack is missing or known not to work."""


def one_line(error: BaseException) -> str:
    """Return the message of ``error`` on one line.

    A data loader worker re-raises errors with the worker's traceback as their text; the line for the
    user is the last one of it.
    """
    text = str(error).strip()
    if text.startswith('Caught ') and '\n' in text:
        text = re.sub(r'^[\w.]+: ', '', text.splitlines()[-1])
    return ' '.join(text.split())


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``1 tile`` or ``1,200 classes``."""
    if count != 1:
        ending = re.search('(s|x|ch|sh)$', noun)
        noun = f'{noun[:-1]}ies' if re.search('[^aeiou]y$', noun) else f'{noun}es' if ending else f'{noun}s'
    return f'{count:,} {noun}'


def first_names(values: Sequence[object] | Any) -> str:
    """Return the first few of some names as text; an array of numpy is a sequence too."""
    return ', '.join(map(str, values[:SHOWN])) + (', ...' if len(values) > SHOWN else '')
