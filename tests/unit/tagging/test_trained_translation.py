"""Round trips through tiny MarianMT models in the layout of the published ones, trained on the spot on invented sentences."""

from __future__ import annotations

import io
import json
import warnings
from itertools import product
from pathlib import Path

import pytest
import sentencepiece
import torch
from transformers import GenerationConfig, MarianConfig, MarianMTModel, MarianTokenizer

from bioner.commands import augment
from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Mention, Passage
from bioner.tagging.encoders import fetch_encoder
from bioner.tagging.translation import Marian

THERE = {
    "Patients": "gamu", "We": "pon", "All": "tolu", "took": "bel", "gave": "bel", "had": "rin", "for": "ko", "and": "eta",
    "daily": "mip", "often": "mip", "were": "sim", "well": "nur", "fine": "nur",
}  # fmt: skip
BACK = {theirs: ours for ours, theirs in THERE.items()}
"""Of two words with one translation the later comes back: took becomes gave, daily often, well fine."""
FIRST = "Patients took zorbinol for scaly fever daily."
TEXT = f"{FIRST} All were well.\nWe gave plimurin acid and ZB-7 often. We had antizorbinol daily."
RETURNED = "Patients gave zorbinol for scaly fever often. All were fine.\nWe gave plimurin acid and ZB-7 often. We had antizorbinol daily."


def sentences() -> list[list[str]]:
    """Every masked sentence of the two languages, in ours: 87."""
    ends = [[], ["daily"], ["often"]]
    masked = [["ZQ0Z"], ["ZQ0Z", "for", "ZQ1Z"], ["ZQ0Z", "and", "ZQ1Z"]]
    told = [[who, verb, *what, *end] for who, verb, what, end in product(("Patients", "We", "All"), ("took", "gave", "had"), masked, ends)]
    return told + [[who, "were", how] for who, how in product(("Patients", "We", "All"), ("well", "fine"))]


def said(words: list[str], *dictionaries: dict[str, str]) -> str:
    for dictionary in dictionaries:
        words = [dictionary.get(word, word) for word in words]
    return " ".join(words) + "."


def save_tokenizer(folder: Path, source: list[str], target: list[str]) -> MarianTokenizer:
    """source.spm, target.spm and the one vocab.json of both, as published models have them."""
    folder.mkdir()
    pieces: list[str] = []
    for name, lines in (("source", source), ("target", target)):
        written = io.BytesIO()
        options = {"vocab_size": 60, "hard_vocab_limit": False, "minloglevel": 2}
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines * 20), model_writer=written, **options)
        (folder / f"{name}.spm").write_bytes(written.getvalue())
        model = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
        pieces += [model.IdToPiece(number) for number in range(3, len(model))]  # after <unk>, <s> and </s>
    names = ["</s>", "<unk>", *dict.fromkeys(pieces), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({name: number for number, name in enumerate(names)}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"source_lang": "ours", "target_lang": "theirs"}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sacremoses, which nothing here needs
        return MarianTokenizer(str(folder / "source.spm"), str(folder / "target.spm"), str(folder / "vocab.json"))


def train(folder: Path, pairs: dict[str, str]) -> Path:
    """A MarianMT folder with a model of one layer that was trained on these pairs until it knows them."""
    source, target = list(pairs), list(pairs.values())
    tokenizer = save_tokenizer(folder, source, target)
    pad = len(tokenizer.encoder) - 1
    sizes = {"layers": 1, "attention_heads": 4, "ffn_dim": 64}
    ids = {"pad_token_id": pad, "eos_token_id": 0, "decoder_start_token_id": pad, "forced_eos_token_id": 0}
    config = MarianConfig(
        vocab_size=pad + 1, decoder_vocab_size=pad + 1, d_model=32, max_position_embeddings=64, dropout=0.0, init_std=0.1, **ids,
        **{f"{part}_{key}": size for part in ("encoder", "decoder") for key, size in sizes.items()},
    )  # fmt: skip
    torch.manual_seed(1)
    network = MarianMTModel(config)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    batch = tokenizer(source, padding=True, return_tensors="pt")
    labels = tokenizer(text_target=target, padding=True, return_tensors="pt")["input_ids"]
    labels = labels.masked_fill(labels == pad, -100)
    for _ in range(400):
        loss = network(**batch, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.003:
            break
    network.generation_config = GenerationConfig(bad_words_ids=[[pad]], max_length=64, num_beams=4, **ids)
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Manifests of fetched models: `there`, `back`, and `forgetful`, which is as `back` but says no placeholder."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("trained")
    words = sentences()
    pairs = {
        "there": {said(line): said(line, THERE) for line in words},
        "back": {said(line, THERE): said(line, THERE, BACK) for line in words},
        "forgetful": {said(line, THERE): said([word for word in line if "Z" not in word], THERE, BACK) for line in words},
    }
    for name, chosen in pairs.items():
        folder = train(root / f"{name}_source", chosen)
        fetch_encoder(name, {"sources": [{"folder": str(folder)}]}, root / name / "encoder.json")
    return {name: root / name / "encoder.json" for name in pairs}


def spans(text: str, *parts: str) -> tuple[tuple[int, int], ...]:
    return tuple((text.index(part), text.index(part) + len(part)) for part in parts)


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """One with nested, discontiguous and untranslatable mentions, and one without any."""
    names = [("zorbinol",), ("scaly fever",), ("fever",), ("plimurin", "ZB-7"), ("plimurin acid",)]
    mentions = [Mention(f"T{number}", spans(TEXT, *parts), "X") for number, parts in enumerate(names)]
    inside = TEXT.index("antizorbinol") + len("anti")
    mentions.append(Mention("T9", ((inside, inside + len("zorbinol")),), "X"))
    passages = (Passage(0, len(FIRST), "title"), Passage(len(FIRST) + 1, len(TEXT), "abstract"))
    plain = "All were well. We were fine."
    return [Document("named", TEXT, tuple(mentions), passages), Document("plain", plain, (), (Passage(0, len(plain), "text"),))]


def back_translated(folder: Path, documents: list[Document], *manifests: Path) -> dict[str, Document]:
    """Variants by source, as the command writes them."""
    write_documents(folder / "n.jsonl", documents)
    settings = {"back_translation": {"forward": "there", "backward": "back", "rate": 1.0, "beams": 2, "batch": 3}}
    argv = ["--normalized", str(folder / "n.jsonl"), "--output", str(folder / "a/back_translation.jsonl")]
    augment.main([*argv, "--settings", json.dumps(settings), "--translators", *map(str, manifests)])
    return {variant.source: variant for variant in read_documents(folder / "a/back_translation.jsonl")}


def test_both_models_translate_word_for_word(models: dict[str, Path]) -> None:
    """What the other tests stand on; the fetched folder has SentencePiece models and no tokenizer.json."""
    assert {path.name for path in models["there"].parent.iterdir()} >= {"source.spm", "target.spm", "vocab.json", "generation_config.json"}
    assert not (models["there"].parent / "tokenizer.json").exists()
    there, back = (Marian(models[name].parent, torch.device("cpu"), beams=2, batch=16) for name in ("there", "back"))
    words = sentences()
    invented = there([said(line) for line in words])
    assert invented == [said(line, THERE) for line in words]
    assert back(invented) == [said(line, THERE, BACK) for line in words]


def test_context_comes_back_in_other_words_and_mentions_as_they_were(
    models: dict[str, Path], documents: list[Document], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variants = back_translated(tmp_path, documents, models["there"], models["back"])
    assert "back-translation: 2 variants, 0 unchanged, 0 dropped" in capsys.readouterr().err
    named, plain = variants["named"], variants["plain"]
    assert (named.text, plain.text) == (RETURNED, "All were fine. We were fine.")
    before, after = ({m.id: (m.type, [made.text[a:b] for a, b in m.spans]) for m in made.mentions} for made in (documents[0], named))
    assert before == after and after["T3"] == ("X", ["plimurin", "ZB-7"])
    cut = RETURNED.index(" All")
    assert named.passages == (Passage(0, cut, "title"), Passage(cut + 1, len(RETURNED), "abstract"))


def test_a_variant_depends_on_its_document_alone(models: dict[str, Path], documents: list[Document], tmp_path: Path) -> None:
    pair = models["there"], models["back"]
    together = back_translated(tmp_path / "together", documents, *pair)
    assert back_translated(tmp_path / "turned", documents[::-1], *pair) == together
    assert back_translated(tmp_path / "alone", documents[:1], *pair) == {"named": together["named"]}
    kept = {path: path.read_bytes() for path in (tmp_path / "together/a").rglob("*.json*")}
    assert back_translated(tmp_path / "together", documents, *pair) == together  # from the cache
    assert {path: path.read_bytes() for path in (tmp_path / "together/a").rglob("*.json*")} == kept


def test_a_model_that_forgets_placeholders_drops_the_variant(
    models: dict[str, Path], documents: list[Document], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variants = back_translated(tmp_path, documents, models["there"], models["forgetful"])
    assert set(variants) == {"plain"} and variants["plain"].text == "All were fine. We were fine."
    assert "back-translation: 1 variants, 0 unchanged, 1 dropped" in capsys.readouterr().err


def test_a_half_precision_checkpoint_is_run_in_single_precision(models: dict[str, Path], tmp_path: Path) -> None:
    """Some of the published models are stored in float16."""
    folder = tmp_path / "half"
    MarianMTModel.from_pretrained(models["there"].parent).half().save_pretrained(folder)
    for name in ("source.spm", "target.spm", "vocab.json", "tokenizer_config.json"):
        (folder / name).write_bytes((models["there"].parent / name).read_bytes())
    marian = Marian(folder, torch.device("cpu"), beams=1, batch=2)
    assert marian.network.dtype == torch.float32
    assert marian(["All were well."]) == ["tolu sim nur."]
