"""Who may import whom: the table, enforced on the source."""

import ast
import sys
from collections.abc import Iterable
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from tool_support import REPO

PACKAGE = REPO / 'mmseg_aux_hrnet'
# module, sub-package, or room of maps and exchange: (ours, others) that it may import beside itself and the stdlib
TABLE = {
    '__init__': ('datasets engine evaluation models stack version weights', ''),
    'bands': ('errors', ''),
    'classes': ('errors', 'numpy torch'),
    'collar': ('', 'cv2 numpy'),
    'datasets': (
        'bands classes errors files raster registry',
        'cv2 isal mmcv mmengine mmseg numpy PIL pyspng shapely simplejpeg torch',
    ),
    'decision': ('errors', 'numpy torch'),
    'demo': ('datasets errors files', 'affine numpy PIL pyogrio rasterio shapely'),
    'doctor': (
        'bands classes collar datasets errors files raster run screen visualization',
        'cv2 matplotlib mmengine mmseg numpy PIL rich',
    ),
    'engine': (
        'bands classes datasets errors evaluation files version visualization',
        'mmengine mmseg numpy rich torch',
    ),
    'errors': ('', ''),
    'evaluation': ('classes decision errors files', 'cv2 mmengine mmseg numpy rich torch'),
    'exchange': ('classes decision errors evaluation files models report run version weights', 'mmengine mmseg torch'),
    'exchange/export': (
        'bands classes decision errors evaluation exchange files run version weights',
        'mmengine mmseg numpy onnx onnxruntime onnxscript torch',
    ),
    'exchange/migration': ('datasets errors files models stack', 'mmcv mmengine mmseg yaml'),
    'files': ('errors', 'numpy PIL'),
    'labelling': (
        'bands classes datasets errors files maps maps/class_map maps/vector raster version visualization',
        'affine numpy PIL pycocotools pyogrio pyproj rasterio rich shapely yaml',
    ),
    'maps': ('classes errors files raster', 'affine numpy pyogrio pyproj rasterio'),
    'maps/__init__': ('maps maps/change maps/indices maps/measure maps/polygonize maps/predict', ''),
    'maps/class_map': ('classes errors files maps raster', 'affine numpy pyproj rasterio shapely'),
    'maps/change': (
        'classes errors files maps maps/class_map maps/measure maps/vector raster report sampling version',
        'cv2 matplotlib numpy PIL rasterio rich',
    ),
    'maps/indices': (
        'classes datasets errors evaluation files maps maps/class_map maps/predict raster run version visualization '
        'weights',
        'matplotlib numpy rasterio rich',
    ),
    'maps/measure': (
        'classes errors files maps maps/class_map maps/vector raster',
        'affine exactextract matplotlib numpy PIL pyogrio pyproj rasterio rich shapely',
    ),
    'maps/polygonize': (
        'classes errors files maps maps/class_map maps/vector raster',
        'affine buildingregulariser cv2 geopandas numpy pyarrow pyogrio pyproj rasterio shapely',
    ),
    'maps/predict': (
        'bands classes decision errors files maps maps/class_map maps/vector models raster run version weights',
        'cv2 filelock mmengine numpy rasterio ray rich shapely torch',
    ),
    'maps/vector': ('errors maps', 'affine numpy pyogrio pyproj rasterio shapely'),
    'models': ('bands decision errors weights', 'mmcv mmengine mmseg torch'),
    'raster': ('bands collar errors files', 'affine cv2 numpy pyarrow pystac rasterio'),
    'registry': ('', 'mmengine mmseg'),
    'report': (
        'classes datasets decision errors evaluation files screen version visualization',
        'jinja2 markupsafe matplotlib numpy PIL rich',
    ),
    'run': (
        'bands classes datasets decision engine errors evaluation files models report sampling stack visualization '
        'weights',
        'mmengine mmseg numpy rich torch',
    ),
    'sampling': ('datasets errors raster', 'numpy PIL rasterio rich'),
    'screen': ('', 'rich'),
    'stack': ('errors', 'mmengine'),
    'version': ('', ''),
    'visualization': ('classes files', 'matplotlib numpy PIL'),
    'weights': ('bands errors files', 'mmengine numpy safetensors torch'),
}
MODULES = sorted(path for path in PACKAGE.rglob('*.py') if '.mim' not in path.parts)
SCRIPTS = [REPO / 'split.py', REPO / 'mmseg_aux_hrnet_cli.py', *sorted((REPO / 'tools').glob('*.py'))]


def unit_of(names: list[str]) -> str:
    """Return the row of the table for a path or dotted name below the package."""
    face = f'{names[0]}/__init__'  # what a folder's own file hands on is not a module in it
    if face in TABLE and not {path.stem for path in (PACKAGE / names[0]).iterdir()}.intersection(names[1:2]):
        return face
    return next(row for row in ('/'.join(names[:2]), names[0]) if row in TABLE or row == names[0])


def imported(nodes: list[ast.AST]) -> set[str]:
    """Return what import statements name: rows of the table with a leading slash for ours, packages for the rest."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module.partition('.')[0] == PACKAGE.name:
            names |= {f'{node.module}.{alias.name}' for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add('.' * node.level + (node.module or ''))
    split = [name.split('.') for name in names]
    return {f'/{unit_of(parts[1:])}' if parts[0] == PACKAGE.name else parts[0] for parts in split}


def forbidden(unit: str, source: str) -> set[str]:
    """Return the imports anywhere in the source that the table does not grant to the unit."""
    ours, others = (names.split() for names in TABLE[unit])
    allowed = {f'/{name}' for name in (unit, *ours)} | {*others, *sys.stdlib_module_names}
    return imported(list(ast.walk(ast.parse(source)))) - allowed


def row_of(path: Path) -> str:
    return unit_of(list(path.relative_to(PACKAGE).with_suffix('').parts))


@pytest.mark.parametrize('path', MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_what_the_table_grants(path):
    unit = row_of(path)
    assert unit in TABLE, f'{unit} is new: enter it in the table'
    assert not forbidden(unit, path.read_text(encoding='utf-8'))


def test_table_has_no_dead_rows():
    assert set(TABLE) == {row_of(path) for path in MODULES}


def rooms_without_a_row(paths: Iterable[Path]) -> set[str]:
    """Return the folders of maps and exchange that would go by the row of their parent."""
    parted = {row.partition('/')[0] for row in TABLE if '/' in row}
    rooms = {path.relative_to(PACKAGE).parts[:-1] for path in paths}
    return {'/'.join(room[:2]) for room in rooms if len(room) > 1 and room[0] in parted} - set(TABLE)


def test_folders_of_a_parted_room_have_a_row_each():
    assert rooms_without_a_row(MODULES) == set()
    new = [PACKAGE / 'maps/new/plan.py', PACKAGE / 'exchange/new/deep/plan.py', PACKAGE / 'models/new/plan.py']
    assert rooms_without_a_row(new) == {'maps/new', 'exchange/new'}


def test_rooms_import_downwards_only():
    order = {unit: set(ours.split()) for unit, (ours, _) in TABLE.items()}
    assert list(TopologicalSorter(order).static_order())


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda path: path.name)
def test_help_of_scripts_needs_the_standard_library_only(path):
    own = {'_aux_hrnet_shared'}  # which is among the scripts, so needs no more itself
    assert imported(ast.parse(path.read_text(encoding='utf-8')).body) <= sys.stdlib_module_names | own


@pytest.mark.parametrize(
    ('unit', 'source', 'named'),
    [
        ('models', 'from mmseg_aux_hrnet.engine.hooks import CurveHook', {'/engine'}),
        ('raster', 'from mmseg_aux_hrnet.maps.predict.blocks import windows', {'/maps/predict'}),
        ('maps', 'from mmseg_aux_hrnet.maps.predict.blocks import windows', {'/maps/predict'}),
        ('maps', 'from mmseg_aux_hrnet.maps import legend, predict', {'/maps/predict'}),
        ('maps', 'from mmseg_aux_hrnet.maps import MapSettings', {'/maps/__init__'}),
        ('maps/class_map', 'from mmseg_aux_hrnet import maps', {'/maps/__init__'}),
        ('maps/class_map', 'import mmseg_aux_hrnet.maps.ground', set()),
        ('models', 'from mmseg_aux_hrnet import engine, errors', {'/engine'}),
        ('models', 'import mmseg_aux_hrnet.datasets', {'/datasets'}),
        ('models', 'def late():\n    import rasterio.windows', {'rasterio'}),
        ('models', 'from ..engine import hooks', {''}),
        ('evaluation', 'import tools.train, split', {'tools', 'split'}),
        (
            'models',
            'import os.path\nfrom mmseg.registry import MODELS\nfrom mmseg_aux_hrnet.models import losses',
            set(),
        ),
    ],
)
def test_forbidden_import_is_seen(unit, source, named):
    assert forbidden(unit, source) == named
