"""Makes a config of somebody else hold on this system, and be readable again from a work dir or a checkpoint."""

from pathlib import PurePath
from typing import Any

from mmseg_aux_hrnet.portable_paths import portable

PLACES = ('data_root', 'ann_file')  # of a data set
PREFIX = 'data_prefix'  # its folders


def adapt(config: Any) -> None:
    """Change in a config, in place, what mmengine would fail at or could not write.

    Classes that an import left among the variables go, paths become text, and the places of data sets get separators
    that every system reads.
    """
    for name in [name for name, value in config.items() if isinstance(value, type)]:
        config.pop(name)
    config.setdefault('default_scope', 'mmseg')
    _adapt_part(config._cfg_dict)


def _adapt_part(part: Any, *, of: Any = None) -> None:
    """Adapt what is in a dict or list; ``of`` is its key, if any."""
    for key, value in list(part.items() if isinstance(part, dict) else enumerate(part)):
        if isinstance(value, PurePath):
            part[key] = value.as_posix()
        elif isinstance(value, str) and (key in PLACES or of == PREFIX):
            part[key] = portable(value)
        elif isinstance(value, (dict, list)):
            _adapt_part(value, of=key)
