"""docs/tutorial.ipynb at toy size: from demo data to hectares, by the cells as they stand."""

import csv
import json

import pytest
from test_first_map import TOY
from tool_support import REPO

NOTEBOOK = REPO / 'docs/tutorial.ipynb'
# In place of the cell of parameters.
PARAMETERS = f"""
from pathlib import Path
from mmseg_aux_hrnet.demo import orthophoto
from mmseg_aux_hrnet.run.config import parse_options
orthophoto.SIZES = {{'survey': (256, 256), 'town': (96, 128)}}
FOLDER, TILE, TRAINING = Path('tutorial'), 64, parse_options({TOY})
"""


def cells(kind):
    return [cell for cell in json.loads(NOTEBOOK.read_text(encoding='utf-8'))['cells'] if cell['cell_type'] == kind]


def test_the_notebook_was_run_and_is_small():
    counts = [cell['execution_count'] for cell in cells('code')]
    assert counts == list(range(1, len(counts) + 1))
    outputs = [output for cell in cells('code') for output in cell['outputs']]
    assert {output['output_type'] for output in outputs} == {'stream', 'execute_result'}
    assert sum('image/jpeg' in output.get('data', ()) for output in outputs) == 6
    assert NOTEBOOK.stat().st_size < 500_000


@pytest.mark.slow  # a process of its own that imports everything, and trains
def test_the_notebook_leads_to_hectares(tmp_path, monkeypatch):
    nbformat = pytest.importorskip('nbformat')
    client = pytest.importorskip('nbclient')
    monkeypatch.setenv('PYTHONPATH', str(REPO))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (parameters,) = (cell for cell in notebook.cells if 'parameters' in cell.metadata.get('tags', ()))
    parameters.source = PARAMETERS
    client.NotebookClient(notebook, timeout=600, resources={'metadata': {'path': str(tmp_path)}}).execute()
    folder = tmp_path / 'tutorial'
    assert (folder / 'report/report.html').is_file()
    assert (folder / 'maps/town_green.gpkg').is_file()
    with (folder / 'maps/areas.csv').open(encoding='utf-8', newline='') as file:
        covered = sum(float(row['covered_m2']) for row in csv.DictReader(file) if row['name'] in ('east', 'west'))
    # The districts cover the raster, which lies in a plane at most 0.04 % from the ground.
    assert covered == pytest.approx(96 * 128 / 4, rel=4e-4)
