"""Keeps the stack from talking while it is imported."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Drop what mmseg prints and mmcv warns of when parts are missing that nothing here uses.

    mmseg prints that it lacks its vendor's extension; mmcv warns of operators that were not compiled.
    """
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='Fail to import', category=UserWarning)
        yield
