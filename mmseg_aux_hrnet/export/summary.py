"""Says in a few lines what was exported and how far it agrees with PyTorch."""

from mmseg_aux_hrnet.export.exporting import Exported
from mmseg_aux_hrnet.export.graph import CLASSES, PROBABILITIES


def closing_line(exported: Exported) -> str:
    """Return what a user has to know about a file that was written."""
    path, form, tiles, source, agreement = exported
    size = 'H, W' if form.fixed_size is None else f'{form.fixed_size[0]}, {form.fixed_size[1]}'
    kind = 'float32 0..1' if form.unit_range else 'uint8'
    channels = 1 if form.foreground_only else len(source.class_names)
    shapes = {PROBABILITIES: f'probabilities float32 (N, {channels}, {size})', CLASSES: f'classes uint8 (N, {size})'}
    lines = [f'input: image {kind} RGB (N, 3, {size}); output: {", ".join(shapes[name] for name in form.outputs)}']
    compared = ', '.join(str(batch) for batch in agreement.batches)
    if agreement.largest is not None:
        lines.append(
            f'largest difference to PyTorch {agreement.largest:.1e}, allowed {agreement.allowed:.1e}, where '
            f'probabilities cover a range of {agreement.span:.2g} (images of {compared})'
        )
    if agreement.differing is not None:
        count, pixels = agreement.differing, agreement.pixels
        found = f'differ in {count} undecided ones of {pixels}' if count else f'are equal in all {pixels}'
        lines.append(f'class maps {found} pixels (images of {compared})')
    if source.decision is not None:
        name = source.class_names[source.decision.class_index]
        lines.append(f'threshold: {name} from a probability of {source.decision.value:g}')
        if form.foreground_only and round(source.decision.value, 2) != source.decision.value:
            lines.append(f'Deepness has two decimals: it will take {source.decision.of_foreground:.2f}')
    if tiles.gsd is None:
        lines.append('ground sampling distance unknown: give --gsd METRES to note it in the file')
    return '\n'.join([*lines, f'{path}: {path.stat().st_size / 1e6:.1f} MB'])
