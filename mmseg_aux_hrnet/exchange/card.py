"""Writes the model card of a published checkpoint."""

import ast
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from mmseg_aux_hrnet.errors import counted
from mmseg_aux_hrnet.evaluation import metrics
from mmseg_aux_hrnet.exchange.figures import Figures
from mmseg_aux_hrnet.exchange.forms import arch_of, auxiliary_heads
from mmseg_aux_hrnet.version import __version__

COEFFICIENT_OF_TITLE = {metric.title: metric for metric in metrics.COEFFICIENTS}
NOT_STATED = 'not stated'
CONVERTED_FOR = 'The weights were converted for the following config, not trained with it:'
SPLITS = ('train', 'val', 'test')
# mmengine glues to its version the commit of the folder that it was called in, which says nothing of mmengine.
COMMIT = re.compile(r'[0-9a-f]{40}$')
BUFFERS = ('running_mean', 'running_var', 'num_batches_tracked')


def literals(text: str) -> dict[str, Any]:
    """Return the values that a text assigns at its top level, as far as they are written out.

    Dumped configs are: numbers, texts, lists, tuples, ``dict(...)``. What is computed is left out, as is all of a text
    that is not Python.
    """
    # Not by mmengine, which would run the text: it comes out of a file that somebody else may have made.
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    values = {}
    for node in body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                values[node.targets[0].id] = ast.literal_eval(_Displays().visit(node.value))
            except (ValueError, TypeError, RecursionError):
                continue
    return values


class _Displays(ast.NodeTransformer):
    """Writes ``dict(a=1)`` as ``{'a': 1}``, which :func:`ast.literal_eval` takes."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not (isinstance(node.func, ast.Name) and node.func.id == 'dict'):
            return node
        if node.args:  # a dict with keys that are not names, such as numbers, is dumped as dict({0: 1})
            return node.args[0] if len(node.args) == 1 and isinstance(node.args[0], ast.Dict) else node
        keys = [None if word.arg is None else ast.Constant(word.arg) for word in node.keywords]
        return ast.Dict(keys=list(keys), values=[word.value for word in node.keywords])


def model_card(
    content: Mapping[str, Any],
    *,
    file: str,
    sha256: str,
    figures: Figures | None,
    data: str | None,
    licence: str | None,
) -> str:
    """Return the card, Markdown.

    Args:
        content: ``meta`` and ``state_dict`` as published.
        file: name of the published file.
        sha256: of that file.
        figures: how good it is.
        data: what the network was trained on, which only the publisher knows.
        licence: of the weights.
    """
    meta = content['meta']
    config = literals(meta['cfg'])
    classes, threshold = meta['dataset_meta'], meta.get('threshold')
    colours = [', '.join(map(str, colour)) for colour in classes['palette']]
    rows = [(index, *pair) for index, pair in enumerate(zip(classes['classes'], colours, strict=True))]
    decision = 'A pixel is {class} where its probability is at least {value:g}.'
    weights = content['state_dict']
    count = sum(value.numel() for key, value in weights.items() if not key.endswith(BUFFERS))
    arch = arch_of({key.removeprefix('backbone.'): value for key, value in weights.items()})
    network = 'Another backbone' if arch is None else f'HRNetV2 `{arch}`'
    heads = auxiliary_heads(weights)
    blocks = [
        f'# {file}',
        f'{network}, {counted(heads, "auxiliary decoder")} for training, {counted(count, "parameter")} with them.',
        f'- SHA-256 `{sha256}`\n- Licence of the weights: {licence or NOT_STATED}',
        '## Classes',
        _table(('index', 'class', 'R, G, B'), rows),
        '' if threshold is None else decision.format(**threshold),
        '## Data',
        data or f'Origin and licence of the data: {NOT_STATED}.',
        CONVERTED_FOR if 'converted_from' in meta else '',
        _table(('split', 'data set', 'root', 'list'), _data(config)),
        '## Figures',
        _figures(figures),
        '## Training',
        _training(meta, config),
        '## Use',
        _use(file),
    ]
    return '\n\n'.join(block for block in blocks if block) + '\n'


def _data(config: Mapping[str, Any]) -> list[tuple[object, ...]]:
    """Return what the config says of the data of each split."""
    rows: list[tuple[object, ...]] = []
    # What was trained with another program's config may lack any of this, so nothing is taken for granted.
    for split in SPLITS:
        loader = config.get(f'{split}_dataloader')
        settings = loader.get('dataset') if isinstance(loader, dict) else None
        if isinstance(settings, dict):
            of_split = settings.get('ann_file') or settings.get('split', '')  # whose list follows from the layout
            rows.append((split, *(settings.get(key, '') for key in ('type', 'data_root')), of_split))
    return rows


def _figures(figures: Figures | None) -> str:
    if figures is None:
        return 'None are known of this file. Measure them: `tools/test.py CONFIG FILE --report DIR`.'
    # Of a class, the name is behind a dot; all other logged figures count as percentages.
    rows = [
        (name, COEFFICIENT_OF_TITLE.get(name.split('.')[0], metrics.OA).text(value))
        for name, value in figures.values.items()
    ]
    units = f'Percent; {", ".join(COEFFICIENT_OF_TITLE)} are coefficients.'
    return f'Measured on {figures.measured}. {units}\n\n{_table(("figure", "value"), rows)}'


def _training(meta: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(meta['cfg'].encode()).hexdigest()
    places = [f'{key} {meta[key]}' for key in ('iter', 'epoch', 'seed') if meta.get(key) is not None]
    noted = {key.removesuffix('_version'): str(meta[key]) for key in meta if key.endswith('_version')}
    versions = [f'{name} {COMMIT.sub("", version)}' for name, version in noted.items()]
    origin = meta.get('converted_from')
    lines = [
        f'- Run: {meta.get("experiment_name") or NOT_STATED}; {", ".join(places) or NOT_STATED}.',
        f'- Config: SHA-256 `{digest}`; its whole text is in the file, see below.',
        f'- Versions noted in the file: {", ".join(versions) or NOT_STATED}.',
        f'- Published with mmseg_aux_hrnet {__version__}, torch {torch.__version__}.',
    ]
    if isinstance(origin, dict):
        options = ' '.join(origin['options']) or 'none'
        lines.append(f'- Converted from {origin["file"]} ({origin["form"]}), exceptions: {options}.')
    if isinstance(config.get('load_from'), str):
        lines.append(f'- Started from {config["load_from"]}.')
    return '\n'.join(lines)


def _use(file: str) -> str:
    # mmengine's own loader, which init_model uses, takes no .safetensors on every torch; the tools read it themselves.
    if not file.endswith('.pth'):
        return f'```\npython tools/test.py CONFIG {file}\n```'
    return (
        '```python\n'
        'import torch\n'
        'import mmseg_aux_hrnet\n'
        'from mmseg.apis import inference_model, init_model\n\n'
        f"meta = torch.load('{file}', weights_only=True)['meta']  # holds no code\n"
        "open('config.py', 'w', encoding='utf-8').write(meta['cfg'])  # a program: read it before you run it\n"
        f"model = init_model('config.py', '{file}', device='cpu')\n"
        "classes = inference_model(model, 'image.png').pred_sem_seg.data\n"
        '```'
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table in Markdown; empty where there are no rows."""
    if not rows:
        return ''
    # A bar within a name, which may hold one, would end the cell.
    cells = [head, ['---'] * len(head), *rows]
    return '\n'.join('| ' + ' | '.join(str(cell).replace('|', '\\|') for cell in row) + ' |' for row in cells)
