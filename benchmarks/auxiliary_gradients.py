"""Compares what auxiliary decoders ask of the backbone with what the main decoder asks of it.

Usage: python benchmarks/auxiliary_gradients.py WORK_DIR [--batches N]

WORK_DIR is of a training with auxiliary decoders, such as one of recipe.py. On batches of its training data the
gradient of each decoder's weighted loss is taken by the backbone, with random weights and with the last ones: its
length as a share of the main decoder's, and the cosine of the angle between the two (1: they ask for the same, 0: for
something else, below 0: for the contrary).
"""

import argparse
import itertools
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import MODELS
from mmseg.utils import register_all_modules
from rich.progress import track
from torch import Tensor

from mmseg_aux_hrnet.weights import Checkpoint, best_checkpoint

MAIN = 'decode'


def gradients(network: Any, batch: dict[str, Any]) -> dict[str, Tensor]:
    """Return each decoder's gradient of its loss by all weights of the backbone, a vector."""
    data = network.data_preprocessor(batch, training=True)
    losses: dict[str, list[Tensor]] = defaultdict(list)
    for name, value in network.loss(data['inputs'], data['data_samples']).items():
        if 'loss' in name:
            losses[name.split('.')[0]].append(value)
    weights = [weight for weight in network.backbone.parameters() if weight.requires_grad]
    found = {}
    for name, values in losses.items():
        parts = torch.autograd.grad(torch.stack(values).sum(), weights, retain_graph=True, materialize_grads=True)
        found[name] = torch.cat([part.flatten() for part in parts])
    return found


def compared(network: Any, batches: list[dict[str, Any]], *, what: str) -> list[str]:
    """Return rows of Markdown: for each auxiliary decoder the medians over batches, and their range."""
    lengths, cosines = defaultdict(list), defaultdict(list)
    for batch in track(batches, description=what):
        found = gradients(network, batch)
        main = found.pop(MAIN)
        for name, gradient in found.items():
            lengths[name].append(float(gradient.norm() / main.norm()))
            cosines[name].append(float(torch.cosine_similarity(gradient, main, dim=0)))
    rows = []
    for name in lengths:
        cells = (f'{statistics.median(x):.2f} ({min(x):.2f} to {max(x):.2f})' for x in (lengths[name], cosines[name]))
        rows.append(f'| {what} | {name} | {" | ".join(cells)} |')
    return rows


def main() -> None:
    """Measure and print."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('work_dir', type=Path, metavar='WORK_DIR', help='of a training with auxiliary decoders')
    line.add_argument('--batches', type=int, default=10, help='default: %(default)s')
    args = line.parse_args()
    register_all_modules()
    torch.manual_seed(0)
    config = Config.fromfile(args.work_dir / 'config.py')
    if not config.model.get('auxiliary_head'):
        raise SystemExit(f'{args.work_dir} has no auxiliary decoders')
    config.train_dataloader.update(num_workers=0, persistent_workers=False)
    network = MODELS.build(config.model)
    network.init_weights()
    batches = list(itertools.islice(Runner.build_dataloader(config.train_dataloader, seed=0), args.batches))
    rows = compared(network, batches, what='random weights')
    network.load_state_dict(Checkpoint(best_checkpoint(args.work_dir)).weights)
    rows += compared(network, batches, what='last weights')
    print('| weights | decoder | length / main | cosine with main |', '|---|---|---|---|', *rows, sep='\n')


if __name__ == '__main__':
    main()
