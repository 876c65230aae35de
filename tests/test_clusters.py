"""The recipes of docs/clusters do what they say: each is run with what its scheduler sets."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from tool_support import REPO, tool

RECIPES = REPO / 'docs' / 'clusters'
PAGE = (REPO / 'docs' / 'clusters.md').read_text(encoding='utf-8')
pytestmark = pytest.mark.skipif(os.name == 'nt', reason='the recipes need a shell')


def said(command: list[str], folder: Path, **variables: str) -> list[list[str]]:
    """Run a recipe where the commands only write down their arguments; return those of each."""
    for name in ('mmseg-aux-hrnet-predict-raster', 'torchrun'):
        stub = folder / name
        stub.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "" >> "$CALLS"\n', encoding='utf-8')
        stub.chmod(0o755)
    env = {'PATH': f'{folder}{os.pathsep}{os.environ["PATH"]}', 'CALLS': str(folder / 'calls'), **variables}
    subprocess.run(command, check=True, env=env, cwd=folder)
    return [call.split('\n') for call in (folder / 'calls').read_text(encoding='utf-8').strip('\n').split('\n\n')]


def parsed(words):
    return tool('predict_raster').parser().parse_intermixed_args(words)


def container_of_kubernetes():
    job = yaml.safe_load((RECIPES / 'kubernetes_job.yaml').read_text(encoding='utf-8'))['spec']
    [container] = job['template']['spec']['containers']
    variables = {each['name']: each['value'] for each in container['env']}
    assert job['completionMode'] == 'Indexed'
    assert variables['PARTS'] == str(job['completions']) == str(job['maxFailedIndexes'])
    return [*container['command'], *container['args']], {**variables, 'JOB_COMPLETION_INDEX': '2'}


def container_of_aws():
    container = json.loads((RECIPES / 'aws_batch_job.json').read_text(encoding='utf-8'))['containerProperties']
    variables = {each['name']: each['value'] for each in container['environment']}
    return container['command'], {**variables, 'AWS_BATCH_JOB_ARRAY_INDEX': '2'}


def script_of_slurm():
    variables = {'SLURM_ARRAY_TASK_ID': '3', 'SLURM_ARRAY_TASK_COUNT': '16'}
    return ['bash', str(RECIPES / 'slurm_array.sh')], variables


@pytest.mark.parametrize('recipe', [script_of_slurm, container_of_kubernetes, container_of_aws])
def test_a_task_of_an_array_is_a_part(recipe, tmp_path):
    command, variables = recipe()
    [words] = said(command, tmp_path, **variables)
    args = parsed(words)
    assert args.inputs == ['green', '/shared/ortho']
    assert (args.out, args.part) == (Path('/shared/maps'), '3/16')


def test_the_recipe_of_ray_goes_on_in_the_cluster_that_is_there(tmp_path):
    [words] = said(['bash', str(RECIPES / 'ray.sh')], tmp_path)
    args = parsed(words)
    assert (args.ray, args.resume) == ('auto', True)


def test_the_recipe_of_torchrun_goes_on(tmp_path):
    [words] = said(['bash', str(RECIPES / 'torchrun.sh')], tmp_path, GPUS='2', NETWORK='a.py b.pth')
    assert words[:2] == ['--nproc_per_node=2', 'tools/predict_raster.py']
    args = parsed(words[2:])
    assert args.inputs == ['a.py', 'b.pth', '/shared/ortho']
    assert args.resume


def test_the_page_names_every_recipe_and_no_other():
    assert {*re.findall(r'\(clusters/([\w.]+)\)', PAGE)} == {path.name for path in RECIPES.iterdir()}
