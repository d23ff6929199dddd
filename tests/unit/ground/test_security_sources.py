"""What the sources may not do: load code or pickles from outside, start a shell, or put a value unquoted into one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted((ROOT / "src/bioner").rglob("*.py"))
RULES = [ROOT / "Snakefile", ROOT / "workflow/targets.smk", *sorted((ROOT / "workflow/rules").glob("*.smk"))]

FORBIDDEN_MODULES = {"joblib", "dill", "cloudpickle", "shelve", "marshal", "jsonpickle", "xml.etree", "xml.dom", "xml.sax", "lxml"}
FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.spawnv", "pty.spawn", "subprocess.getoutput",
    "subprocess.getstatusoutput", "pickle.load", "pickle.loads", "pickle.Unpickler", "pd.read_pickle", "pandas.read_pickle",
    "torch.jit.load", "torch.hub.load", "torch.package.PackageImporter", "yaml.unsafe_load", "yaml.full_load",
    "KeyedVectors.load", "Word2Vec.load", "shutil.unpack_archive", "np.fromfile", "numpy.fromfile",
}  # fmt: skip
FORBIDDEN_METHODS = {"extractall", "extract", "read_pickle", "load_module", "import_from_path"}
FORBIDDEN_WORDS = {"trust_remote_code": None, "allow_pickle": False, "shell": False, "weights_only": True, "local_files_only": True}
"""Keyword -> the only value that it may have, None for not at all."""
REQUIRED = {"torch.load": "weights_only", "from_pretrained": "local_files_only"}


def dotted(node: ast.expr) -> str:
    """The name of what is called: `a.b.c`, with a question mark for what is no name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def findings(text: str, name: str = "x.py") -> Iterator[str]:
    """Places in a module that break the rules above."""
    for node in ast.walk(ast.parse(text, name)):
        place = f"{name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if isinstance(node, ast.ImportFrom):
                modules += [f"{node.module}.{alias.name}" for alias in node.names]
            if modules[0] == "pickle" and isinstance(node, ast.ImportFrom) and [alias.name for alias in node.names] != ["UnpicklingError"]:
                yield f"{place}: from pickle import {node.names[0].name}"
            if any(module == wrong or module.startswith(f"{wrong}.") for wrong in FORBIDDEN_MODULES for module in modules):
                yield f"{place}: import of {modules[-1]}"
        elif isinstance(node, ast.Call):
            called = dotted(node.func)
            if called in FORBIDDEN_CALLS or called.rpartition(".")[2] in FORBIDDEN_METHODS:
                yield f"{place}: call of {called}"
            loaders = set(re.findall(r"\w+Loader\b", text))
            if called == "yaml.load" and (not loaders or not loaders <= {"SafeLoader", "CSafeLoader"}):
                yield f"{place}: yaml.load with another loader than the safe ones"
            words = {word.arg: word.value for word in node.keywords}
            for word, only in FORBIDDEN_WORDS.items():
                if word in words and (only is None or not isinstance(words[word], ast.Constant) or words[word].value is not only):
                    yield f"{place}: {word} in a call of {called}"
            needed = REQUIRED.get(called) or REQUIRED.get(called.rpartition(".")[2])
            if needed and needed not in words:
                yield f"{place}: {called} without {needed}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_nothing_runs_code_or_pickles_from_outside(path: Path) -> None:
    assert list(findings(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))) == []


@pytest.mark.parametrize(
    "text",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)",
        "np.load(path, allow_pickle=True)",
        "pickle.load(handle)",
        "from pickle import load",
        "import joblib",
        "from xml.etree import ElementTree",
        "import xml.etree.ElementTree as tree",
        "AutoModel.from_pretrained(folder)",
        "AutoModel.from_pretrained(folder, local_files_only=True, trust_remote_code=False)",
        "subprocess.run(line, shell=True)",
        "archive.extractall(folder)",
        "eval(text)",
        "yaml.load(text, Loader=Loader)",
    ],
)
def test_each_of_these_would_be_found(text: str) -> None:
    assert len(list(findings(text))) == 1


def shell_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Rule and text of each `shell:` in a rules file."""
    for block in re.split(r"^rule ", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
        name, _, rest = block.partition(":")
        _, found, shell = rest.partition("    shell:\n")
        if found:
            lines = [line.strip() for line in shell.split("\n\n\n")[0].splitlines() if line.strip() and not line.lstrip().startswith("#")]
            yield name, "".join(ast.literal_eval(line) for line in lines)


def wildcard_patterns() -> dict[str, list[str]]:
    """The patterns that the rules allow for wildcards, but for those that are put together of names in the config."""
    patterns: dict[str, list[str]] = {}
    for path in RULES:
        for name, pattern in re.findall(r"""^ +(\w+)=(r?"[^"\n]*"),?$""", path.read_text(encoding="utf-8"), re.M):
            if "results/" in pattern:
                continue  # an input or output of that name
            patterns.setdefault(name, []).append(ast.literal_eval(pattern))
    return patterns


NUMBERS = {"params.seed", "params.threads"}
ENUMERATED = {"params.precision": {"fp32", "bf16", "auto"}}


def test_every_value_in_a_shell_line_is_quoted_or_cannot_need_it() -> None:
    """Wildcards are letters, digits and underscores; the rest is quoted, a whole number, or one of few words."""
    rules = dict(line for path in RULES for line in shell_lines(path))
    assert len(rules) > 25, "the shell lines are no longer found; adapt the test"
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    assert set(schema["properties"]["prediction"]["properties"]["precision"]["enum"]) == ENUMERATED["params.precision"]
    assert schema["properties"]["training"]["properties"]["threads"]["type"] == "integer"
    plain = set(wildcard_patterns())
    for rule, line in rules.items():
        for field in re.findall(r"(?<!\{)\{([^{}]+)\}", line):
            bare = field.startswith("wildcards.") and field.removeprefix("wildcards.") in plain
            assert field.endswith(":q") or bare or field in NUMBERS or field in ENUMERATED, f"{rule}: {{{field}}} is not quoted"


def test_wildcards_are_words() -> None:
    patterns = wildcard_patterns()
    assert {"dataset", "model", "encoder", "attack", "experiment", "protocol", "fold", "seed", "trial", "kind", "adapted"} <= set(patterns)
    hostile = ["a; touch x", "a b", "$(touch x)", "a`x`", "a'b", 'a"b', "a/b", "..", "a\nb", "a|b", "a&b", "a>b", "a*", "-", "é", "a\\b"]
    for name, found in patterns.items():
        for pattern in found:
            for value in hostile:
                assert not re.fullmatch(pattern, value), f"{name}: {pattern} allows {value!r}"


def test_no_rule_has_another_way_to_run_code() -> None:
    for path in RULES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s+(run|script|notebook|wrapper|cwl):", text, re.M), path
        assert "shell(" not in text and "os.environ.copy" not in text, path


def test_the_environment_is_never_written_out() -> None:
    """Single variables are read by name; nothing takes all of them, but to hand them to a process."""
    whole = re.compile(r"(dict|str|repr|list|sorted)\(os\.environ\)|environ\.(items|copy|values)\(|dumps?\([^)]*environ|\*os\.environ")
    for path in SOURCES:
        assert not whole.search(path.read_text(encoding="utf-8")), path
