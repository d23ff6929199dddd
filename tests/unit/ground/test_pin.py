"""`bioner pin`: commits of a stand-in hub, written into configs of every layout."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from bioner.config import load_plan
from bioner.console import COMMANDS
from bioner.console import main as console
from bioner.errors import BionerError
from bioner.tagging import pinning
from bioner.tagging.hub import HubFile, Snapshot
from bioner.tagging.pinning import pin, unpinned

from ...hub import Fault, Hub, serve

ROOT = Path(__file__).resolve().parents[3]
WEIGHTS = b"weights of the toy"
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()
COMMIT = "1234567890abcdef1234567890abcdef12345678"
CONFIG = """\
# encoders of the test
run: [demo]   # kept
encoders:
  toy:
    sha256: null  # of the weights
    sources:
      - {package: no_such_package, path: model}
      - {hub: someone/toy, revision: null}   # which commit?
  other:  # in block style
    sources:
      - hub: someone/other
        revision: ~
  local:
    sources: [{folder: somewhere}]
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve() as server:
        for name in ("someone/toy", "someone/other"):
            server.repository(name).commit({"config.json": b"{}", "model.safetensors": WEIGHTS, "pytorch_model.bin": b"others"})
        yield server


def commit_of(hub: Hub, name: str, branch: str = "main") -> str:
    return hub.repository(name).branches[branch]


def run(tmp_path: Path, hub: Hub, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`bioner pin` on tmp_path's config.yaml, its default."""
    program = [sys.executable, "-c", "from bioner.console import main; main()", "pin", *arguments]
    done = subprocess.run(
        program, check=False, cwd=tmp_path, capture_output=True, text=True, env=hub.environment(tmp_path / "home", **more)
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_commits_and_digests_are_recorded_and_nothing_else_changes(tmp_path: Path, hub: Hub) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    done = run(tmp_path, hub)
    toy, other = commit_of(hub, "someone/toy"), commit_of(hub, "someone/other")
    assert done.stdout.splitlines() == [f"toy  someone/toy  null → {toy}", f"other  someone/other  null → {other}"]
    expected = CONFIG.replace("sha256: null", f"sha256: {DIGEST}").replace("revision: null", f"revision: {toy}")
    assert (tmp_path / "config.yaml").read_text() == expected.replace("revision: ~", f"revision: {other}")
    assert [path for path, _, _ in hub.requests] == ["/api/models/someone/toy", "/api/models/someone/other"]
    again = run(tmp_path, hub)
    assert again.stdout.splitlines()[0] == f"toy  someone/toy  {toy} → {toy} (kept)" and len(hub.requests) == 2
    assert {path.name for path in tmp_path.iterdir()} <= {"config.yaml", "home"}


def test_only_the_named_encoders_are_pinned(tmp_path: Path, hub: Hub) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    assert run(tmp_path, hub, "--encoder", "other").stdout.startswith("other  someone/other  null → ")
    assert (tmp_path / "config.yaml").read_text() == CONFIG.replace("revision: ~", f"revision: {commit_of(hub, 'someone/other')}")


def test_pins_move_only_when_told_to(tmp_path: Path, hub: Hub) -> None:
    repository = hub.repository("someone/toy")
    old = commit_of(hub, "someone/toy")
    text = f"encoders: {{toy: {{sources: [{{hub: someone/toy, revision: {old}}}]}}}}\n"
    (tmp_path / "config.yaml").write_text(text)
    new = repository.commit({"config.json": b"{}", "model.safetensors": b"other weights"})
    assert "(kept)" in run(tmp_path, hub).stdout and (tmp_path / "config.yaml").read_text() == text
    assert run(tmp_path, hub, "--update").stdout == f"toy  someone/toy  {old} → {new}\n"
    assert (tmp_path / "config.yaml").read_text() == text.replace(old, new)


def test_a_branch_or_tag_becomes_its_commit(tmp_path: Path, hub: Hub) -> None:
    tagged = hub.repository("someone/toy").commit({"model.safetensors": WEIGHTS, "config.json": b"{ }"}, "v1.1")
    (tmp_path / "config.yaml").write_text("encoders:\n  toy:\n    sources:\n    - {hub: someone/toy, revision: v1.1}\n")
    assert run(tmp_path, hub).stdout == f"toy  someone/toy  v1.1 → {tagged}\n"


def test_check_asks_and_writes_nothing(tmp_path: Path, hub: Hub) -> None:
    (tmp_path / "mine.yaml").write_text(CONFIG)
    done = run(tmp_path, hub, "--check", "--config", "mine.yaml")
    assert done.returncode == 1
    assert done.stderr == (
        "error: mine.yaml: expected a commit for every hub source, found none for toy (someone/toy: null), "
        "other (someone/other: null); run `bioner pin`\n"
    )
    assert (tmp_path / "mine.yaml").read_text() == CONFIG and hub.requests == []
    run(tmp_path, hub, "--config", "mine.yaml")
    done = run(tmp_path, hub, "--check", "--config", "mine.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


FAILURES = {
    "unknown repository": (CONFIG.replace("someone/other", "someone/else"), (), {}, "encoder other: someone/else: expected a repository"),
    "unknown branch": (
        CONFIG.replace("~", "develop"),
        (),
        {},
        "someone/other@develop: expected this revision in the repository",
    ),
    "unreachable": (CONFIG, (), {"HF_ENDPOINT": "http://127.0.0.1:9"}, "encoder toy: someone/toy: expected files from http://127.0.0.1:9"),
    "unknown encoder": (CONFIG, ("--encoder", "tyo"), {}, "config.yaml: expected one of the encoders toy, other, local, got tyo"),
    "no encoders": ("run: [demo]\n", (), {}, "config.yaml: expected a mapping with encoders, found none"),
    "no YAML": ("encoders:\n  toy: {\n", (), {}, "config.yaml:3: expected YAML in UTF-8, found: "),
    "a number too long": (
        f"run: [demo]\nmirror: {'1' * 5000}\n{CONFIG}",
        (),
        {},
        "config.yaml:2: expected YAML in UTF-8, found: a number that is too",
    ),
    "no file": (CONFIG, ("--config", "none.yaml"), {}, "none.yaml: expected a config file, found: No such file"),
    "other weights": (CONFIG.replace("null  #", f"{'ab' * 32} #"), (), {}, f"expected weights of sha256 {'ab' * 32}, as another source"),
    "a layout": (CONFIG.replace("revision: ~", "? revision"), (), {}, "layout that this cannot edit; write by hand: encoders.toy"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_are_one_line_and_nothing_is_written(tmp_path: Path, hub: Hub, name: str) -> None:
    text, arguments, environment, message = FAILURES[name]
    (tmp_path / "config.yaml").write_text(text)
    done = run(tmp_path, hub, *arguments, **environment)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: ") and message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert (tmp_path / "config.yaml").read_text() == text


def test_a_stalled_hub_is_told(tmp_path: Path, hub: Hub) -> None:
    hub.faults["listing"] = [Fault("stall")]
    (tmp_path / "config.yaml").write_text(CONFIG)
    done = run(tmp_path, hub, HF_HUB_DOWNLOAD_TIMEOUT="1")
    assert done.returncode == 1 and "found ReadTimeout" in done.stderr and (tmp_path / "config.yaml").read_text() == CONFIG


def answer(repository: str, revision: str | None = None) -> Snapshot:
    return Snapshot(repository, COMMIT, {"model.safetensors": HubFile("model.safetensors", 1, DIGEST, "")})


NULLS = ["null", "~", "Null", "NULL", "!!null null", ""]
LAYOUTS = {
    "flow": "encoders: {{a: {{sources: [{{hub: x/y, revision: {0}}}]}}}}\n",
    "flow over lines": "encoders:\n  a:\n    sources: [ {{\n  hub : x/y , # c\n 'revision': {0}  # null\n  }} ,  ]\n",
    "block": "encoders:\n  a:\n    sources:\n    - revision: {0}\n      hub: x/y\n",
    "block with comments": (
        "# null\nencoders: # null\n\n    a:\n        sources:\n"
        "          -   hub: x/y # revision: null\n              revision: {0}   # null\n"
    ),
    "document marks": "%YAML 1.1\n---\nencoders:\n  a: {{sources: [{{hub: x/y, revision: {0}}}]}}\n...\n",
    "windows": "encoders:\r\n  a:\r\n    sources:\r\n      - hub: x/y\r\n        revision: {0}\r\nrun: [a]\r\n",
    "no newline at the end": "encoders:\n  a:\n    sources:\n      - hub: x/y\n        revision: {0}",
    "signs": (
        "\ufeff# \U0001f9ec ü\nencoders:\n  b: &b {{text: '\U0001f9ec: null'}}\n"
        '  a: {{title: "é\\n", sources: [{{hub: x/y, revision: {0} }}]}}\n'
    ),
    "twice": "encoders:\n  b: {{sources: [&s {{hub: x/y, revision: {0}}}]}}\n  a: {{sources: [*s]}}\n",
    "last of two": "encoders: {{}}\nencoders:\n  a: 1\n  a:\n    sources: [{{hub: x/y, revision: kept, revision: {0}}}]\n",
}


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_the_characters_of_the_value_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, null: str) -> None:
    monkeypatch.setattr(pinning, "look_up", answer)
    config = tmp_path / "config.yaml"
    config.write_bytes(LAYOUTS[layout].format(null).encode())
    pin(config, [], update=False)
    written, expected = config.read_bytes(), LAYOUTS[layout].format(COMMIT).encode()
    if null == "":  # which has no characters, only blanks around it
        written, expected = written.replace(b" ", b""), expected.replace(b" ", b"")
    assert written == expected
    assert unpinned(config, []) == []


ADDED = {
    "encoders: {a: {sources: [{hub: x/y}]}}\n": f"encoders: {{a: {{sources: [{{revision: {COMMIT}, hub: x/y}}]}}}}\n",
    "encoders:\n  a:\n    sources:\n      - hub: x/y  # ours\n": (
        f"encoders:\n  a:\n    sources:\n      - revision: {COMMIT}\n        hub: x/y  # ours\n"
    ),
}


@pytest.mark.parametrize("text", ADDED)
def test_a_source_without_the_key_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(pinning, "look_up", answer)
    (tmp_path / "config.yaml").write_text(text)
    assert pin(tmp_path / "config.yaml", [], update=False) == [f"a  x/y  null → {COMMIT}"]
    assert (tmp_path / "config.yaml").read_text() == ADDED[text]


def test_a_commit_of_digits_only_stays_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinning, "look_up", lambda repository, revision: Snapshot(repository, "1" * 40, {}))
    (tmp_path / "config.yaml").write_text("encoders: {a: {sources: [{hub: x/y, revision: null}]}}\n")
    pin(tmp_path / "config.yaml", [], update=False)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["encoders"]["a"]["sources"][0]["revision"] == "1" * 40


def test_a_link_to_a_config_stays_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinning, "look_up", answer)
    (tmp_path / "real.yaml").write_text(CONFIG)
    (tmp_path / "config.yaml").symlink_to("real.yaml")
    pin(tmp_path / "config.yaml", [], update=False)
    assert (tmp_path / "config.yaml").is_symlink() and (tmp_path / "real.yaml").read_text().count(COMMIT) == 2


NAMES = st.text("abcdefgh_", min_size=1, max_size=6).filter(lambda name: isinstance(yaml.safe_load(name), str))
VALUES = st.one_of(st.none(), st.integers(), st.booleans(), st.text(max_size=20), st.lists(st.text(max_size=5), max_size=3))
HUB = st.fixed_dictionaries({"hub": st.just("x/y"), "revision": st.sampled_from(["NULL_HERE", COMMIT[::-1]])})
SOURCE = st.one_of(HUB, st.fixed_dictionaries({"folder": st.text(max_size=5)}))
ENTRY = st.fixed_dictionaries({"sources": st.lists(SOURCE, max_size=3)}, optional={"title": VALUES, "sha256": st.just(DIGEST)})
CONFIGS = st.fixed_dictionaries({"encoders": st.dictionaries(NAMES, ENTRY, max_size=4)}, optional={"aa": VALUES, "zz": VALUES})


@given(CONFIGS, st.sampled_from([True, False, None]), st.integers(2, 8), st.booleans(), st.sampled_from(["\n", "\r\n"]))
@example({"encoders": {"a": {"title": "\U0001f9ec", "sources": [{"hub": "x/y", "revision": "NULL_HERE"}]}}}, None, 2, True, "\n")
def test_any_dumped_config_is_edited_in_place(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, object], flow: bool | None, indent: int, unicode: bool, ending: str
) -> None:
    """Independent truth: the same text with the commit written where null stood."""
    text = yaml.dump(config, default_flow_style=flow, indent=indent, allow_unicode=unicode, width=10**6, line_break=ending, sort_keys=False)
    path = tmp_path_factory.mktemp("pin") / "config.yaml"
    path.write_bytes(text.replace("NULL_HERE", "null").encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pinning, "look_up", answer)
        pin(path, [], update=False)
    assert path.read_bytes() == text.replace("NULL_HERE", COMMIT).encode()


def test_the_projects_own_config_can_be_pinned_and_is_valid_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = yaml.safe_load((ROOT / "config.yaml").read_text())["encoders"]["minilm"]["sha256"]
    files = {"model.safetensors": HubFile("model.safetensors", 1, weights, "")}
    monkeypatch.setattr(pinning, "look_up", lambda repository, revision: Snapshot(repository, COMMIT, files))
    (tmp_path / "config.yaml").write_bytes((ROOT / "config.yaml").read_bytes())
    pin(tmp_path / "config.yaml", [], update=True)
    before, after = ((folder / "config.yaml").read_text().splitlines() for folder in (ROOT, tmp_path))
    assert len(before) == len(after) and all(COMMIT in new for old, new in zip(before, after, strict=True) if old != new)
    load_plan(yaml.safe_load("\n".join(after)), ROOT)
    with pytest.raises(BionerError, match=r"encoders\.\w+\.sources\.\d\.revision: 'main' does not match .* `bioner pin` finds and records"):
        load_plan(yaml.safe_load("\n".join(after).replace(COMMIT, "main")), ROOT)


def test_the_console_lists_its_commands_and_runs_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        console(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for name, line in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", text, re.M)
        assert (ROOT / f"src/bioner/commands/{name}.py").is_file()
    with pytest.raises(SystemExit):
        console(["pin", "--help"])
    assert "usage: bioner pin" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        console(["pin", "--check", "--config", str(tmp_path / "none.yaml")])
    assert ended.value.code == 1 and capsys.readouterr().err.startswith(f"error: {tmp_path}/none.yaml: expected a config file")


@pytest.mark.parametrize("program", [["-m", "bioner.commands.pin"], [str(Path(sys.executable).with_name("bioner")), "pin"]])
def test_pin_is_a_module_and_a_program(tmp_path: Path, program: list[str]) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    words = [sys.executable, *program, "--check"] if program[0] == "-m" else [*program, "--check"]
    if program[0] != "-m" and not Path(program[0]).is_file():
        pytest.skip("the package is not installed with its script; run pip install --editable .")
    done = subprocess.run(words, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: config.yaml: expected a commit")


def test_pin_needs_no_torch() -> None:
    code = "import sys, bioner.commands.pin; sys.exit(bool({'torch', 'transformers'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
