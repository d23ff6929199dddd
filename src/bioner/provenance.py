"""Digests of code and values, and what a run must tell about where it came from."""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from bioner.errors import BionerError

PACKAGE = Path(__file__).resolve().parent


def value_digest(value: Any) -> str:
    """Hexadecimal SHA-256 of a JSON value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def code_digest(command: str) -> str:
    """Digest of what a command computes: its own module and all of bioner that it imports.

    Hashed are the syntax trees without docstrings, so that a comment, a docstring or a touched
    file changes nothing and an edit that matters changes the digest of just those commands that
    use the edited module.

    Args:
        command: name of a module in `bioner.commands`, such as "train".

    Raises:
        BionerError: no such command.
    """
    name = f"bioner.commands.{command}"
    if _module_file(name) is None:
        raise BionerError(f"expected a module src/bioner/commands/{command}.py, found none; check the rule's name")
    trees = "".join(f"{module}={_tree_digest(module)};" for module in sorted(imported_modules(name)))
    return hashlib.sha256(trees.encode()).hexdigest()[:16]


def files_digest(folder: str | Path, *patterns: str) -> str:
    """Digest of the bytes of the files that match glob patterns below a folder, in sorted order."""
    root = Path(folder)
    paths = sorted({path for pattern in patterns for path in root.glob(pattern)})
    content = "".join(f"{path.relative_to(root)}={hashlib.sha256(path.read_bytes()).hexdigest()};" for path in paths)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def imported_modules(name: str) -> set[str]:
    """A module of bioner and all modules of bioner that it imports, directly or not."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(_direct_imports(module))
    return found


def _module_file(name: str) -> Path | None:
    parts = name.split(".")
    if parts[0] != "bioner":
        return None
    base = PACKAGE.joinpath(*parts[1:])
    candidates = [base / "__init__.py", base.with_suffix(".py")] if len(parts) > 1 else [base / "__init__.py"]
    return next((path for path in candidates if path.is_file()), None)


@cache
def _tree(name: str) -> ast.Module:
    path = _module_file(name)
    assert path is not None, name
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def _direct_imports(name: str) -> frozenset[str]:
    """Modules of bioner that a module's import statements name, wherever they stand in it."""
    names: set[str] = set()
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(module for module in names if _module_file(module) is not None)


@cache
def _tree_digest(name: str) -> str:
    tree = ast.parse(ast.unparse(_tree(name)))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
