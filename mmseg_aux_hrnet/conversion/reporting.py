"""Says what a conversion took over, what stands in its way, and which option would allow that."""

from mmseg_aux_hrnet.conversion.converting import AUXILIARY, CLASSIFIER, Conversion, Target

LISTED = 20


def report(conversion: Conversion) -> str:
    """Return the lines for the screen: a count for every kind, and names for all but those that matched."""
    lines = [conversion.title, f'  {"matched":<17}{len(conversion.taken):>6}']
    for kind, names in {**conversion.faults, **conversion.notes}.items():
        if names or kind in ('missing', 'unexpected', 'other shape'):
            lines.append(f'  {kind:<17}{len(names):>6}')
            lines += [f'      {name}' for name in names[:LISTED]]
        if len(names) > LISTED:
            lines.append(f'      and {len(names) - LISTED} more')
    if conversion.classes:
        lines.append(f'  {"classes":<17}  {conversion.classes}')
    return '\n'.join(lines)


def way_out(conversion: Conversion, *, target: Target) -> str:
    """Return what to do about the faults of a conversion to a form."""
    if conversion.faults['not finite']:
        return 'training that wrote these numbers had diverged, so take an earlier checkpoint of it'
    options = set()
    for kind, names in conversion.faults.items():
        options |= {_option(kind, name.split()[0]) for name in names}
    if target == 'official' and options - {'--drop-auxiliary'}:
        return 'that form takes an HRNetV2 with one FCNHead over all branches'
    if None in options:
        return 'use the config, or the file, of the same architecture'
    return f'name the exceptions if you mean them: {" ".join(sorted(filter(None, options)))}'


def _option(kind: str, name: str) -> str | None:
    """Return the option that allows a fault, or None."""
    if name.startswith(AUXILIARY):
        return {'unexpected': '--drop-auxiliary', 'missing': '--reset-auxiliary'}.get(kind)
    if CLASSIFIER.match(name) and kind in ('missing', 'other shape'):
        return '--reset-classifier'
    return None
