"""Digests of code: a comment changes none, an edit changes those that use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioner import provenance
from bioner.errors import BionerError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "__init__.py": "",
        "commands/__init__.py": "",
        "commands/use.py": "from bioner.wing.inner import work\n",
        "commands/other.py": "import json\n",
        "wing/__init__.py": "",
        "wing/inner.py": "def work():\n    from bioner.wing import deep\n    return deep.VALUE\n",
        "wing/deep.py": '"""Doc."""\nVALUE = 1\n',
        "wing/unused.py": "VALUE = 2\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    return tmp_path


def digests() -> tuple[str, str]:
    for function in (provenance._tree, provenance._direct_imports, provenance._tree_digest):
        function.cache_clear()
    return provenance.code_digest("use"), provenance.code_digest("other")


@pytest.mark.parametrize(
    ("name", "text", "changes"),
    [
        ("wing/deep.py", '"""Another doc."""\nVALUE = 1  # remark\n', False),
        ("wing/deep.py", "VALUE = (1)\n\n\n", False),
        ("wing/deep.py", "VALUE = 3\n", True),
        ("wing/inner.py", "def work():\n    '''New.'''\n    from bioner.wing import deep\n    return deep.VALUE\n", False),
        ("wing/inner.py", "def work():\n    from bioner.wing import deep\n    return -deep.VALUE\n", True),
        ("wing/unused.py", "VALUE = 4\n", False),
        ("wing/__init__.py", "X = 1\n", True),
    ],
)
def test_only_what_matters_changes_the_digest(package: Path, name: str, text: str, changes: bool) -> None:
    use, other = digests()
    (package / name).write_text(text)
    assert (digests()[0] != use) is changes
    assert digests()[1] == other


def test_an_unknown_command_is_an_error() -> None:
    with pytest.raises(BionerError, match=r"commands/nothing\.py, found none"):
        provenance.code_digest("nothing")


def test_the_digest_of_tables_does_not_hold_torch_code() -> None:
    for function in (provenance._tree, provenance._direct_imports):
        function.cache_clear()
    modules = provenance.imported_modules("bioner.commands.table1")
    assert "bioner.reporting.table1" in modules
    assert not any(module.startswith("bioner.tagging") for module in modules)
    assert "bioner.tagging.training" in provenance.imported_modules("bioner.commands.train")
