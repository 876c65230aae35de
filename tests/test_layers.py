"""Who may import whom: the table of docs/architecture.md, enforced on the source."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'mmseg_aux_hrnet'
# module or sub-package: (ours, others) that it may import beside itself and the standard library
TABLE = {
    'command': ('errors', 'mmengine torch'),
    '__init__': ('datasets engine evaluation models quiet shipped stack version weights', ''),
    'areas': (
        'errors raster whole_files',
        'PIL affine exactextract matplotlib numpy pyogrio pyproj rasterio rich shapely',
    ),
    'comparison': ('errors evaluation report_file threshold whole_files', 'matplotlib numpy rich'),
    'complexity': ('models', 'mmseg torch'),
    'conversion': ('errors models report_file run_config threshold version weights', 'mmengine mmseg numpy torch'),
    'datasets': ('errors portable_paths registry splits', 'PIL cv2 mmcv mmengine mmseg numpy torch'),
    'demo': ('datasets errors label_png splits', 'PIL numpy'),
    'doctor': (
        'datasets errors label_png run_config split_layouts splits visualization whole_files',
        'PIL cv2 matplotlib mmengine mmseg numpy rich',
    ),
    'engine': (
        'errors evaluation output_files version visualization whole_files',
        'PIL mmengine mmseg numpy rich torch',
    ),
    'errors': ('', ''),
    'evaluating': ('datasets errors evaluation map_folders report run_config', 'rich'),
    'evaluation': ('errors label_png output_files probability threshold', 'cv2 mmengine mmseg numpy rich torch'),
    'export': (
        'conversion errors models probability threshold version weights whole_files',
        'mmengine mmseg numpy onnx onnxruntime onnxscript torch',
    ),
    'foreign_config': ('portable_paths', ''),
    'inference': (
        'errors export launch models probability raster run_config version weights',
        'cv2 mmengine numpy rasterio rich torch',
    ),
    'input_cache': ('datasets errors run_config', 'mmengine mmseg'),
    'label_png': ('errors', 'PIL numpy'),
    'launch': ('errors', 'mmengine torch'),
    'map_folders': ('datasets errors evaluation splits', 'numpy'),
    'maps': ('areas inference polygons raster', ''),
    'migration': ('datasets errors portable_paths whole_files', 'mmcv mmengine mmseg'),
    'models': ('errors probability threshold weights', 'mmcv mmengine mmseg torch'),
    'output_files': ('errors', ''),
    'polygons': (
        'areas errors raster',
        'affine buildingregulariser cv2 geopandas numpy pyarrow pyogrio pyproj rasterio shapely',
    ),
    'portable_paths': ('', ''),
    'pretrained': ('errors models weights', 'mmengine'),
    'probability': ('errors', 'torch'),
    'quiet': ('', ''),
    'raster': ('errors whole_files', 'affine filelock numpy pyproj rasterio shapely pyogrio cv2'),
    'registry': ('', 'mmengine mmseg'),
    'report': (
        'datasets errors evaluation report_file threshold version visualization whole_files',
        'PIL jinja2 markupsafe matplotlib numpy rich',
    ),
    'report_file': ('errors', ''),
    'run_config': ('errors foreign_config shipped', 'mmengine mmseg'),
    'sampling': ('datasets errors evaluation', 'numpy rich'),
    'shipped': ('errors', ''),
    'split_layouts': ('errors splits', ''),
    'speed': ('errors models', 'mmengine mmseg torch'),
    'splits': ('errors', ''),
    'stack': ('errors', 'mmengine'),
    'training': ('engine input_cache launch pretrained run_config speed weights', 'mmengine'),
    'threshold': ('errors', ''),
    'testing': (
        'errors evaluation launch models report run_config speed testing_config threshold visualization weights',
        'mmengine rich',
    ),
    'testing_config': ('errors run_config', 'mmengine'),
    'threshold_store': ('errors report_file threshold weights', ''),
    'version': ('', ''),
    'visualization': ('errors', 'PIL matplotlib numpy'),
    'whole_files': ('', ''),
    'weights': ('errors whole_files', 'mmengine numpy safetensors torch'),
}
MODULES = sorted(path for path in PACKAGE.rglob('*.py') if '.mim' not in path.parts)
SCRIPTS = [ROOT / 'split.py', ROOT / 'mmseg_aux_hrnet_cli.py', *sorted((ROOT / 'tools').glob('*.py'))]


def imported(nodes: list[ast.AST]) -> set[str]:
    """Return what import statements name: 'PACKAGE.unit' for ours, the top-level package for the rest."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module == PACKAGE.name:
            names |= {f'{PACKAGE.name}.{alias.name}' for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add('.' * node.level + (node.module or ''))
    return {'.'.join(name.split('.')[: 2 if name.startswith(PACKAGE.name) else 1]) for name in names}


def forbidden(unit: str, source: str) -> set[str]:
    """Return the imports anywhere in the source that the table does not grant to the unit."""
    ours, others = (names.split() for names in TABLE[unit])
    allowed = {f'{PACKAGE.name}.{name}' for name in (unit, *ours)} | {*others, *sys.stdlib_module_names}
    return imported(list(ast.walk(ast.parse(source)))) - allowed


@pytest.mark.parametrize('path', MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_what_the_table_grants(path):
    unit = path.relative_to(PACKAGE).parts[0].removesuffix('.py')
    assert unit in TABLE, f'{unit} is new: enter it in the table here and in docs/architecture.md'
    assert not forbidden(unit, path.read_text(encoding='utf-8'))


def test_table_has_no_dead_rows():
    assert set(TABLE) == {path.relative_to(PACKAGE).parts[0].removesuffix('.py') for path in MODULES}


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda path: path.name)
def test_help_of_scripts_needs_the_standard_library_only(path):
    assert imported(ast.parse(path.read_text(encoding='utf-8')).body) <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ('unit', 'source', 'named'),
    [
        ('models', 'from mmseg_aux_hrnet.engine.hooks import CurveHook', {'mmseg_aux_hrnet.engine'}),
        ('models', 'from mmseg_aux_hrnet import engine, errors', {'mmseg_aux_hrnet.engine'}),
        ('models', 'import mmseg_aux_hrnet.datasets', {'mmseg_aux_hrnet.datasets'}),
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
