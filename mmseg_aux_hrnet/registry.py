"""The scope ``mmseg_aux_hrnet`` in mmengine's registry tree: a child of each of mmseg's registries.

Classes are registered in mmseg's own registries; a child only holds what takes the name of a class of mmseg. The
children are there so that a prefixed type, and everything below ``_base_ = 'mmseg_aux_hrnet::...'``, resolves without
``custom_imports``: mmengine imports this module by its name when it meets the scope. A kind without a child would be
looked up in mmengine's registry, where mmseg's classes are not.
"""

from mmengine.registry import Registry
from mmseg import registry as mmseg_registry

# A child reads its ancestors' tables but does not fill them, so mmseg's modules are imported too.
LOCATIONS = [
    'mmseg.models',
    'mmseg.datasets',
    'mmseg.engine',
    'mmseg.evaluation',
    'mmseg.visualization',
    'mmseg_aux_hrnet',
]


PARENTS = {name: getattr(mmseg_registry, name) for name in mmseg_registry.__all__}
REGISTRIES: dict[str, Registry] = {
    name: Registry(parent.name, parent=parent, scope='mmseg_aux_hrnet', locations=LOCATIONS)
    for name, parent in PARENTS.items()
}
