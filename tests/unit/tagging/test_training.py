"""The training loop: accumulation, gradient checkpointing, precisions, groups, schedule, what is kept, and odd data."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from bioner.documents import write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.evaluation.columns import EPOCHS
from bioner.storage import read_json, sha256_file, write_json
from bioner.tagging import precision as precision_module
from bioner.tagging import training as loop
from bioner.tagging.checkpoints import Checkpoint
from bioner.tagging.encode import Encoder
from bioner.tagging.gradient_checkpointing import checkpoint_layers, encoder_layers
from bioner.tagging.optimizing import parameter_groups, schedule
from bioner.tagging.precision import choose_precision, device_name
from bioner.tagging.processor import prepare_for_processor
from bioner.tagging.progress import Progress, Reporter, duration
from bioner.tagging.runs import train_run
from bioner.tagging.tagger import freeze, load_tokenizer, make_encoder, new_tagger
from bioner.tagging.training import HISTORY, Training
from bioner.tags import TagSet

from .families import FAMILIES, save_family

TRAINING: dict[str, Any] = {
    "learning_rate": 0.005, "head_learning_rate": 0.01, "loss_learning_rate": 0.01, "weight_decay": 0.01, "warmup": 0.1, "clip": 1000.0,
    "batch_pieces": 128, "accumulation": 1, "gradient_checkpointing": False, "epochs": 6, "minimum_steps": 0, "patience": 6,
    "select_by": "micro_f1", "dropout": 0.0, "attention_dropout": 0.0, "frozen_layers": None, "precision": "fp32", "threads": 1,
}  # fmt: skip
RECIPE: dict[str, Any] = {
    "model": "toy", "encoder": "toy", "tags": "iob2", "alignment": "first", "word_vectors": None, "head": "crf",
    "loss": {"kind": "adaptive"}, "adversary": {"kind": "none"}, "augmentation": [], "window": 32, "overlap": 8, "training": TRAINING,
}  # fmt: skip
TAGS = TagSet.of(["Chemical", "Disease"])
SENTENCES = ("The aspirin caused severe pain.", "Paracetamol, in patients with colitis (and aspirin), caused pain in patients.", "Colitis.")


def documents(count: int) -> list[Document]:
    made = []
    for number in range(count):
        text = f"{SENTENCES[number % 3]} {'the drug ' * (number % 4)}{number}."
        mentions = [
            Mention(f"T{start}", ((start, start + len(surface)),), kind)
            for surface, kind in (("aspirin", "Chemical"), ("pain", "Disease"), ("colitis", "Disease"))
            if (start := text.lower().find(surface)) >= 0
        ]
        made.append(Document(f"d{number}", text, tuple(mentions)))
    return made


def recipe_with(**training: Any) -> dict[str, Any]:
    return RECIPE | {"training": TRAINING | training}


def make(folder: Path, recipe: dict[str, Any], *, precision: str = "fp32", checkpoint: Checkpoint | None = None) -> Training:
    torch.set_num_threads(1)
    torch.manual_seed(3)
    tagger = new_tagger(folder, TAGS, crf=recipe["head"] == "crf", dropout=recipe["training"]["dropout"], attention_dropout=0.0)
    for module in tagger.network.modules():
        if isinstance(module, nn.Dropout) and recipe["training"]["dropout"] == 0.0:
            module.p = 0.0
    encoder = make_encoder(load_tokenizer(folder), TAGS, recipe, tagger.network.config)
    return Training(tagger, encoder, recipe, seed=1, precision=precision, checkpoint=checkpoint, interval=-1.0)


def windows_of(encoder: Encoder, count: int) -> list[Any]:
    return [window for item in encoder.encode(documents(count)) for window in item.windows]


def gradients(training: Training) -> dict[str, Tensor]:
    named = [*training.tagger.named_parameters(), *(("loss." + name, part) for name, part in training.objective.named_parameters())]
    return {name: part.grad.clone() for name, part in named if part.grad is not None}


ADVERSARIES = {
    "none": {"kind": "none"},
    "fgsm": {"kind": "fgsm", "epsilon": 0.01},
    "pgd": {"kind": "pgd", "epsilon": 0.5, "steps": 3, "step_size": 0.2, "norm": "l2"},
}


@pytest.mark.parametrize("adversary", ADVERSARIES)
@pytest.mark.parametrize(("head", "loss"), [("linear", "cross_entropy"), ("crf", "adaptive")])
def test_accumulated_gradients_are_those_of_the_whole_batch(encoder_folder: Path, adversary: str, head: str, loss: str) -> None:
    chosen = {"adversary": ADVERSARIES[adversary], "head": head, "loss": {"kind": loss}}
    whole = make(encoder_folder, recipe_with(batch_pieces=10_000) | chosen)
    parts = make(encoder_folder, recipe_with(batch_pieces=60, accumulation=100) | chosen)
    windows = windows_of(whole.encoder, 9)
    ((one,),) = whole._plan(windows, 0)
    (many,) = parts._plan(windows, 0)
    words = [sum(len(window.tags) for window in batch) for batch in many]
    assert len(words) > 3 and len(set(words)) > 2  # a mean over batches would be another one
    told = whole._step([one], 10)
    assert parts._step(many, 10) == pytest.approx(told, rel=1e-4)
    expected = gradients(whole)
    for name, gradient in gradients(parts).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-3, atol=2e-6, msg=lambda text, name=name: f"{name}: {text}")


def test_the_last_step_of_an_epoch_is_of_the_batches_that_are_left(bert: Path) -> None:
    training = make(bert, recipe_with(batch_pieces=60, accumulation=4))
    windows = windows_of(training.encoder, 15)
    plan = training._plan(windows, 0)
    assert [len(step) for step in plan[:-1]] == [4] * (len(plan) - 1) and 0 < len(plan[-1]) < 4
    assert sorted(window.name for step in plan for batch in step for window in batch) == sorted(window.name for window in windows)
    left = plan[-1]
    training._step(left, 10)
    alone = make(bert, recipe_with(batch_pieces=10_000))
    alone._step([[window for batch in left for window in batch]], 10)
    expected = gradients(alone)
    for name, gradient in gradients(training).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-3, atol=2e-6)


def test_schedule_ends_with_the_last_step_though_epochs_differ_in_steps(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = make(bert, recipe_with(batch_pieces=64, epochs=12, patience=12))
    windows = windows_of(training.encoder, 40)
    counts = [len(training._plan(windows, epoch)) for epoch in range(12)]
    assert len(set(counts)) > 1
    asked: list[tuple[int, int]] = []

    def pretend(self: Training, step: Any, total: int) -> dict[str, float]:
        asked.append((self.progress.step, total))
        self.progress.step += 1
        self.progress.batch += 1
        return {}

    monkeypatch.setattr(loop.Training, "_step", pretend)
    training.run(windows, [])
    assert asked == [(step, sum(counts)) for step in range(sum(counts))]


@given(total=st.integers(1, 300), warmup=st.floats(0, 1))
def test_rates_rise_then_fall_and_are_never_zero(total: int, warmup: float) -> None:
    factors = [schedule(step, total, warmup) for step in range(total)]
    assert all(0 < factor <= 1 for factor in factors)
    top = factors.index(max(factors))
    assert factors[: top + 1] == sorted(factors[: top + 1]) and factors[top:] == sorted(factors[top:], reverse=True)
    assert total < 4 or warmup > 0.7 or factors[-1] < max(factors)


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: save_family(name, tmp_path_factory.mktemp(name)) for name in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("frozen", [None, 1])
def test_norms_and_biases_never_decay_and_each_parameter_is_in_one_group(
    families: dict[str, Path], family: str, frozen: int | None
) -> None:
    tagger = new_tagger(families[family], TAGS, crf=True)
    if frozen is not None and family != "albert":
        freeze(tagger.network, frozen)
    objective = loop.make_loss({"kind": "adaptive"}, None)
    groups = parameter_groups(tagger, objective, TRAINING, None)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    named = {
        id(parameter): name for name, parameter in [*tagger.named_parameters(), *objective.named_parameters()] if parameter.requires_grad
    }
    assert sorted(grouped) == sorted(named)
    decayed = {named[id(parameter)] for group in groups if group["weight_decay"] for parameter in group["params"]}
    # the truth by what modules are, not by shapes
    matrices = {
        f"{path}.weight"
        for path, module in tagger.named_modules()
        if isinstance(module, nn.Linear | nn.Embedding | nn.Conv1d) and path.startswith(f"network.{tagger.network.base_model_prefix}.")
    }
    assert decayed == matrices & set(named.values()) and decayed
    head = {named[id(parameter)] for parameter in groups[2]["params"]}
    assert {"network.classifier.weight", "crf.transitions"} <= head and not head & decayed
    assert {named[id(parameter)] for parameter in groups[4]["params"]} == {"theta"}


@pytest.mark.parametrize(
    ("family", "precision", "frozen"),
    [*((family, "fp32", None) for family in FAMILIES), ("scibert", "bf16", 1), ("albert", "bf16", None), ("deberta", "fp32", 1)],
)
def test_gradient_checkpointing_changes_no_gradient(families: dict[str, Path], family: str, precision: str, frozen: int | None) -> None:
    """With dropout, an adversary whose inner steps need gradients at the embeddings, and the embeddings and a layer frozen."""
    recipe = recipe_with(dropout=0.2) | {"adversary": ADVERSARIES["pgd"]}
    found, passes = [], []
    for wanted in (False, True):
        training = make(families[family], recipe, precision=precision)
        if frozen is not None and family != "albert":
            freeze(training.tagger.network, frozen)
        prepare_for_processor(training.tagger.network, precision)
        if wanted:
            checkpoint_layers(training.tagger.network)
        calls: list[int] = []
        inner = next(module for module in encoder_layers(training.tagger.network)[-1].modules() if isinstance(module, nn.Linear))
        inner.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        windows = windows_of(training.encoder, 4)
        training._step(training._plan(windows, 0)[0], 10)
        found.append(gradients(training))
        passes.append(len(calls))
    assert passes[1] == 2 * passes[0]
    assert found[0].keys() == found[1].keys() and found[0]
    for name, gradient in found[0].items():
        assert torch.equal(gradient, found[1][name]), name


def test_gradient_checkpointing_keeps_only_the_inputs_of_layers(bert: Path) -> None:
    sizes = []
    for wanted in (False, True):
        training = make(bert, recipe_with(dropout=0.2))
        if wanted:
            checkpoint_layers(training.tagger.network)
        batch = training._collate(windows_of(training.encoder, 4))
        kept: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, kept=kept: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
        ):
            training.tagger.train().emissions(training.tagger.embed(batch.pieces), batch)
        sizes.append(sum(kept))
    assert sizes[1] < 0.5 * sizes[0]


def test_a_network_without_known_layers_cannot_be_checkpointed() -> None:
    network = nn.Module()
    network.base_model = nn.Linear(2, 2)
    with pytest.raises(BionerError, match="expected layers in a Module, found none; set gradient_checkpointing: false"):
        checkpoint_layers(network)


def test_float16_skips_steps_that_overflow_and_counts_them(bert: Path) -> None:
    training = make(bert, recipe_with(epochs=12, patience=12, clip=1.0), precision="fp16")
    assert training.updater.scale == 65536.0
    training.updater.scaler.load_state_dict(training.updater.scaler.state_dict() | {"scale": 2.0**21})
    before = copy.deepcopy(training.tagger.state_dict())
    windows = windows_of(training.encoder, 12)
    first = training._plan(windows, 0)[0]
    assert training._step(first, 60) == {} and training.progress.skipped == 1
    assert all(torch.equal(value, before[name]) for name, value in training.tagger.state_dict().items())
    training.progress = Progress()
    training.run(windows, documents(12))
    rows = training.progress.history
    skipped = [int(row["skipped_steps"] or 0) for row in rows]
    assert skipped[0] > 0 and skipped[-1] == 0 and training.updater.scale == 2.0 ** (21 - 1 - sum(skipped))
    assert rows[-1]["loss"] is not None and rows[-1]["loss"] < 0.5 and training.facts()["validation_f1"] > 0.8


def test_float16_gives_the_gradient_of_float32_about(bert: Path) -> None:
    chosen = {"adversary": ADVERSARIES["pgd"]}
    exact, half = make(bert, recipe_with(accumulation=2) | chosen), make(bert, recipe_with(accumulation=2) | chosen, precision="fp16")
    step = exact._plan(windows_of(exact.encoder, 6), 0)[0]
    assert half._step(step, 10) == pytest.approx(exact._step(step, 10), rel=0.02)
    expected, found = (torch.cat([part.flatten() for _, part in sorted(gradients(one).items())]) for one in (exact, half))
    assert torch.nn.functional.cosine_similarity(expected, found, 0) > 0.99 and abs(found.norm() / expected.norm() - 1) < 0.05


def test_float16_stops_where_scaling_does_not_help(bert: Path) -> None:
    training = make(bert, recipe_with(), precision="fp16")
    with torch.no_grad():
        training.tagger.network.classifier.weight.fill_(float("nan"))
    with pytest.raises(BionerError, match=r"expected a finite loss, got nan on documents d\d"):
        training.run(windows_of(training.encoder, 12), [])
    assert training.updater.scale == 1.0


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_stopped_training_resumes_to_the_same_weights(
    tmp_path: Path, bert: Path, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_with(accumulation=2, epochs=3, dropout=0.1) | {"adversary": ADVERSARIES["fgsm"]}
    whole = make(bert, recipe, precision=precision)
    windows = windows_of(whole.encoder, 20)
    for training in (whole,):
        overflow(training)
        training.run(windows, documents(5))
    assert (sum(int(row["skipped_steps"] or 0) for row in whole.progress.history) > 0) == (precision == "fp16")
    stopped = make(bert, recipe, precision=precision, checkpoint=Checkpoint(tmp_path, {"recipe": recipe}))
    overflow(stopped)
    original = loop.Training._step

    def stop(self: Training, step: Any, total: int) -> dict[str, float]:
        if self.progress.step == 6:
            raise KeyboardInterrupt
        return original(self, step, total)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "_step", stop)
        with pytest.raises(KeyboardInterrupt):
            stopped.run(windows, documents(5))
    resumed = make(bert, recipe, precision=precision, checkpoint=Checkpoint(tmp_path, {"recipe": recipe}))
    resumed.run(windows, documents(5))
    assert resumed.progress.history == whole.progress.history and resumed.updater.scale == whole.updater.scale
    for name, value in whole.tagger.state_dict().items():
        assert torch.equal(value, resumed.tagger.state_dict()[name]), name


def overflow(training: Training) -> None:
    if training.updater.scaler.is_enabled():
        training.updater.scaler.load_state_dict(training.updater.scaler.state_dict() | {"scale": 2.0**27})


def test_auto_never_takes_float16_and_a_card_without_bf16_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    card, processor = torch.device("cuda", 0), torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    for supported in (False, True):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda supported=supported: supported)
        assert choose_precision("auto", card) == ("bf16" if supported else "fp32")
        assert choose_precision("fp16", card) == "fp16"
    for flags, speedup, unit, precision in (
        ("avx2 amx_bf16 avx512_bf16", 8.0, ", AMX", "bf16"),
        ("avx2 avx512_bf16", 2.5, ", AVX-512 BF16", "bf16"),
        ("avx2 avx512_bf16", 0.52, ", AVX-512 BF16", "fp32"),  # units that are slower than those for float32
        ("avx2 avx512f", 8.0, "", "fp32"),
    ):
        monkeypatch.setattr(precision_module, "_cpu_info", {"flags": flags, "model name": "Some 1"}.__getitem__)
        monkeypatch.setattr(precision_module, "bf16_speedup", lambda speedup=speedup: speedup)
        assert choose_precision("auto", processor) == precision
        assert device_name(processor) == f"CPU (Some 1{unit})"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    with pytest.raises(BionerError, match=r"expected fp16, fp32 or auto on a Tesla T4, which has no bf16, got bf16"):
        choose_precision("bf16", card)


def test_the_speed_of_bf16_is_that_of_its_products(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, product = [0.0], torch.nn.functional.linear

    def slow(rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        clock[0] += {torch.float32: 1.0, torch.bfloat16: 2.0}[rows.dtype] * (3.0 if clock[0] < 5 else 1.0)  # the first ones are slow
        return product(rows[:1], weights[:1])

    monkeypatch.setattr(precision_module.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(torch.nn.functional, "linear", slow)
    precision_module.bf16_speedup.cache_clear()
    assert precision_module.bf16_speedup() == 0.5
    precision_module.bf16_speedup.cache_clear()


def guesses(gold: Sequence[Document], right: dict[str, int]) -> list[Document]:
    """The gold documents with the first so many mentions of each type alone."""
    left = dict(right)

    def keep(mention: Mention) -> bool:
        left[mention.type] = left.get(mention.type, 0) - 1
        return left[mention.type] >= 0

    return [replace(document, mentions=tuple(mention for mention in document.mentions if keep(mention))) for document in gold]


@pytest.mark.parametrize(("select_by", "best"), [("micro_f1", 1), ("macro_f1", 2)])
def test_the_epoch_kept_is_the_best_by_the_score_that_is_asked_for(
    bert: Path, select_by: str, best: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gold = documents(12)
    counts = {kind: sum(mention.type == kind for document in gold for mention in document.mentions) for kind in ("Chemical", "Disease")}
    assert counts["Disease"] > counts["Chemical"] + 2 > 4
    epochs = iter([{"Disease": counts["Disease"]}, {"Chemical": counts["Chemical"], "Disease": 2}, {"Chemical": 1, "Disease": 1}])
    monkeypatch.setattr(loop, "predict", lambda tagger, encoder, validation, precision: guesses(validation, next(epochs)))
    training = make(bert, recipe_with(select_by=select_by, epochs=3, patience=3))
    kept: list[dict[str, Tensor]] = []
    original = loop.Training._finish_epoch

    def watch(self: Training, validation: Sequence[Document]) -> None:
        kept.append({name: value.clone() for name, value in self.tagger.state_dict().items()})
        original(self, validation)

    monkeypatch.setattr(loop.Training, "_finish_epoch", watch)
    training.run(windows_of(training.encoder, 12), gold)
    rows = training.progress.history
    assert rows[0]["f1"] > rows[1]["f1"] and rows[0]["macro_f1"] < rows[1]["macro_f1"]  # type: ignore[operator]
    facts = training.facts()
    assert facts["best_epoch"] == best
    assert (facts["validation_f1"], facts["validation_macro_f1"]) == (rows[best - 1]["f1"], rows[best - 1]["macro_f1"])
    assert all(torch.equal(value, kept[best - 1][name]) for name, value in training.tagger.state_dict().items())


def test_a_line_every_ten_seconds_tells_loss_alpha_speed_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    now = [100.0]
    progress = Progress(epoch=1, step=10, pieces=5000)
    reporter = Reporter(progress, total=110, epochs=4, monitor=None, clock=lambda: now[0])
    for _ in range(50):
        now[0] += 1.0
        progress.step += 1
        progress.pieces += 300
        reporter.step(progress, {"loss": 0.5, "alpha": 0.25}, 0.1)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert lines[0] == "epoch 2/4, step 20/110: loss 0.5000, alpha 0.250, 300 pieces/s, at most 2 min left"
    assert lines[4] == "epoch 2/4, step 60/110: loss 0.5000, alpha 0.250, 300 pieces/s, at most 50 s left"
    progress.history.append(dict.fromkeys(HISTORY) | {"epoch": 2, "loss": 0.4, "skipped_steps": 3, "f1": 0.5})
    reporter.epoch(progress)
    assert capsys.readouterr().err == "epoch 2/4: loss 0.4000, validation F1 50.00, 3 steps skipped\n"


@pytest.mark.parametrize(("seconds", "told"), [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min"), (3570, "1 h 00 min"), (11_100, "3 h 05 min")])
def test_durations(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_collected_history_has_the_columns_of_a_training() -> None:
    assert HISTORY == EPOCHS


# odd data, through the run that the command makes


def lay(
    tmp_path: Path, bert: Path, *, train: list[Document], validation: list[Document], types: Sequence[str], **training: Any
) -> dict[str, Any]:
    fold = tmp_path / "fold"
    write_documents(fold / "train.jsonl", train)
    write_documents(fold / "variants.jsonl", [])
    write_documents(fold / "validation.jsonl", validation)
    write_json(fold / "composition.json", {"protocol": "official", "types": list(types), "normalize": []})
    write_json(tmp_path / "audit.json", {"verdict": "clean", "checks": []})
    write_json(tmp_path / "recipe.json", recipe_with(**training))
    files = {file.name: sha256_file(file) for file in bert.iterdir()}
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    for file in bert.iterdir():
        (encoder / file.name).symlink_to(file)
    write_json(encoder / "encoder.json", {"encoder": "toy", "source": {}, "files": files})
    output = tmp_path / "run"
    train_run(
        recipe=tmp_path / "recipe.json", encoder=encoder / "encoder.json", fold=fold, audit=tmp_path / "audit.json", seed=1, output=output
    )
    facts: dict[str, Any] = read_json(output / "run.json")
    return facts


BARE = [replace(document, mentions=()) for document in documents(6)]
CHEMICALS = [replace(d, mentions=tuple(m for m in d.mentions if m.type == "Chemical")) for d in documents(12)]
TYPES = ("Chemical", "Disease")


@pytest.mark.parametrize(
    ("train", "validation", "types", "learned"),
    [
        pytest.param(CHEMICALS, documents(6), TYPES, True, id="a type that training lacks"),
        pytest.param(documents(12), CHEMICALS[:6], TYPES, True, id="a type that validation lacks"),
        pytest.param(documents(12), documents(6), (*TYPES, "Gene"), True, id="a type that nothing has"),
        pytest.param(documents(12), BARE, TYPES, None, id="validation without mentions"),
        pytest.param(documents(12), [], TYPES, None, id="empty validation"),
        pytest.param(documents(1), documents(1), TYPES, True, id="one document"),
        pytest.param(BARE, documents(6), TYPES, False, id="training without mentions"),
        pytest.param(BARE, BARE, TYPES, None, id="no mention at all"),
    ],
)
def test_odd_folds_are_trained_on(
    tmp_path: Path, bert: Path, train: list[Document], validation: list[Document], types: Sequence[str], learned: bool | None,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    facts = lay(tmp_path, bert, train=train, validation=validation, types=types, epochs=15, patience=4, select_by="macro_f1")
    assert ("no mention to learn from; the tagger will predict none" in capsys.readouterr().err) == (train is BARE)
    if learned is None:
        assert facts["validation_f1"] is None and facts["best_epoch"] == facts["epochs"] == 15
    elif learned:
        assert facts["validation_f1"] > 0.3
    else:  # 0 throughout: the latest weights are kept, and nothing is given up early
        assert facts["validation_f1"] == 0.0 and facts["best_epoch"] == facts["epochs"] == 15


@pytest.mark.parametrize("accumulation", [1, 8])
def test_a_batch_larger_than_the_data_is_all_of_it(tmp_path: Path, bert: Path, accumulation: int) -> None:
    facts = lay(
        tmp_path, bert, train=documents(5), validation=documents(5), types=TYPES, batch_pieces=10**6, accumulation=accumulation, epochs=4
    )
    assert facts["epochs"] == 4
    history = (tmp_path / "run" / "history.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in history[1:]] == ["1", "2", "3", "4"]


def test_a_training_part_without_words_is_refused(tmp_path: Path, bert: Path) -> None:
    with pytest.raises(BionerError, match=r"train\.jsonl: expected documents with words to train on, found none"):
        lay(tmp_path, bert, train=[Document("d", " \n")], validation=[], types=TYPES)


@pytest.mark.parametrize("accumulation", [1, 3])
def test_a_loss_that_is_not_finite_stops_the_training_by_document(tmp_path: Path, bert: Path, accumulation: int) -> None:
    with pytest.raises(BionerError, match=r"expected a finite (loss|gradient), got (nan|inf) on documents d\d.*; lower the learning rate"):
        lay(tmp_path, bert, train=documents(20), validation=[], types=TYPES, learning_rate=1e30, warmup=0.0, accumulation=accumulation)
    assert not (tmp_path / "run" / "model.safetensors").exists()
