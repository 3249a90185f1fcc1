"""The packages of the harness stand on each other, never around each other."""

from __future__ import annotations

import ast
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

HARNESS = Path(__file__).parents[1] / "harness"


def test_imports_point_one_way() -> None:
    """Those inside functions too; not those that only type checkers read."""
    needs: defaultdict[str, set[str]] = defaultdict(set)
    for path in HARNESS.rglob("*.py"):
        package = path.relative_to(HARNESS).with_suffix("").parts[0]
        tree = ast.parse(path.read_text("utf-8"))
        for_types = {id(inner) for node in ast.walk(tree) if _guards_types(node) for inner in ast.walk(node)}
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.ImportFrom)
                and id(node) not in for_types
                and (node.module or "").startswith("harness.")
            ):
                needs[package].add(str(node.module).split(".")[1])
        needs[package].discard(package)
    assert len(needs) > 20
    TopologicalSorter(needs).prepare()  # raises CycleError, which names the packages


def _guards_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
