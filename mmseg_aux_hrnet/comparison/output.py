"""Writes a comparison into a folder: Markdown, LaTeX and the picture, all of them or none."""

from collections.abc import Sequence
from pathlib import Path

from mmseg_aux_hrnet.comparison.cells import difference_cells, notes, rate_cells, sources
from mmseg_aux_hrnet.comparison.comparison import Comparison
from mmseg_aux_hrnet.comparison.groups import Group
from mmseg_aux_hrnet.comparison.markup import latex, markdown
from mmseg_aux_hrnet.comparison.picture import draw
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.whole_files import whole_folder


def check_out(folder: str | Path) -> None:
    """Raise where the output folder exists and is not empty.

    Raises:
        ConfigError: it does, or is a file.
    """
    folder = Path(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ConfigError(f'{folder} exists and is not empty: name another folder, or remove it')


def write(folder: str | Path, comparison: Comparison, groups: Sequence[Group]) -> None:
    """Write ``comparison.md``, ``comparison.tex`` and ``comparison.png``; the folder appears with all of them.

    Raises:
        DataError: they cannot be written.
    """
    folder = Path(folder)
    tables = [rate_cells(comparison), *([difference_cells(comparison)] if len(comparison.rows) > 1 else [])]
    said = notes(comparison)
    files = {
        'comparison.md': markdown([*tables, sources(groups)], said).encode('utf-8'),
        'comparison.tex': latex(tables, said).encode('utf-8'),
        'comparison.png': draw(comparison),
    }
    try:
        with whole_folder(folder) as part:
            for name, content in files.items():
                (part / name).write_bytes(content)
    except OSError as error:
        raise DataError(f'{folder} cannot be written ({error.strerror}): choose a folder that is writable') from error
