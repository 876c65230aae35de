"""Reads the text of a config that lies in a checkpoint without running it: a config is a program, of anybody's."""

import ast
from typing import Any


def literals(text: str) -> dict[str, Any]:
    """Return the values that a text assigns at its top level, as far as they are written out.

    Dumped configs are: numbers, texts, lists, tuples, ``dict(...)``. What is computed is left out, as is all of a text
    that is no Python.
    """
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
        if not (isinstance(node.func, ast.Name) and node.func.id == 'dict') or node.args:
            return node
        keys = [None if word.arg is None else ast.Constant(word.arg) for word in node.keywords]
        return ast.Dict(keys=list(keys), values=[word.value for word in node.keywords])
