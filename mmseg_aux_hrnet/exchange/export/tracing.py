"""Traces a network into a program that any batch and image size goes through, and keeps torch quiet meanwhile."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.export import Dim, ExportedProgram

from mmseg_aux_hrnet.errors import ExportError, one_line
from mmseg_aux_hrnet.run.rgb_network import ExportGraph

EXAMPLE = (2, 96, 160)  # a batch of one would be taken for a constant
LONGEST_REASON = 200  # characters
ONE_SIZE = '; --fixed-size with --tile-size PIXELS exports it for one size'  # what to do where sizes are in the way


@contextmanager
def quiet_tracing() -> Iterator[None]:
    """Drop what torch warns of and logs about packages and shapes while it exports."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)


def trace(graph: ExportGraph) -> ExportedProgram:
    """Return the graph as a program that takes any batch and, unless its form is of a fixed size, any image size.

    Raises:
        ExportError: the network does something that depends on the size in another way than by arithmetic.
    """
    form = graph.form
    batch, *size = EXAMPLE
    shape = (batch, graph.mean.shape[1], *(form.fixed_size or size))
    image = torch.zeros(shape) if form.unit_range else torch.zeros(shape, dtype=torch.uint8)
    free = {0: Dim.DYNAMIC} if form.fixed_size else {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    try:
        with torch.no_grad(), quiet_tracing():
            program = torch.export.export(graph, (image,), dynamic_shapes={'image': free})
    except Exception as error:  # any error of the network during tracing
        hint = '' if form.fixed_size else ONE_SIZE
        raise ExportError(f'this network cannot be exported: {brief(error)}{hint}') from error
    for node in program.graph.nodes:
        node.meta.pop('stack_trace', None)  # names files of this machine
    return program


def brief(error: BaseException) -> str:
    """Return the beginning of a message."""
    text = one_line(error) or type(error).__name__
    return text if len(text) <= LONGEST_REASON else f'{text[:LONGEST_REASON]}...'
