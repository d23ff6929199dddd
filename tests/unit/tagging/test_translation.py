"""Round trips through two tiny MarianMT models with random weights; what they say means nothing, how they are run does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import MarianConfig, MarianMTModel, PreTrainedTokenizerFast

from bioner.commands import augment
from bioner.documents import read_documents, write_documents
from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.storage import write_json
from bioner.tagging.encoders import fetch_encoder
from bioner.tagging.translation import Marian, round_trip

LETTERS = "abcdefghijklmnopqrstuvwxyzZQABC0123456789.,"
TEXTS = ["all were well.", "a", "Zeta took a long walk, then 3 more.", "ZQ0Z was given to B."]


def save_marian(folder: Path, seed: int, *, positions: int = 64) -> Path:
    """A MarianMT shape with random weights, and a unigram tokenizer in one file."""
    pieces = [("</s>", 0.0), ("<unk>", 0.0), ("<pad>", 0.0), ("▁", -1.0), *((letter, -2.0) for letter in LETTERS)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=1))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 0)])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", eos_token="</s>").save_pretrained(folder)
    torch.manual_seed(seed)
    layers = {
        f"{part}_{key}": size for part in ("encoder", "decoder") for key, size in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 32))
    }
    config = MarianConfig(
        vocab_size=len(pieces), d_model=16, max_position_embeddings=positions, pad_token_id=2, eos_token_id=0, forced_eos_token_id=None,
        decoder_start_token_id=2, decoder_vocab_size=len(pieces), init_std=1.0, **layers,
    )  # fmt: skip
    network = MarianMTModel(config)
    network.generation_config.forced_eos_token_id = None
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Manifests of two fetched models."""
    root = tmp_path_factory.mktemp("marian")
    manifests = []
    for seed, name in enumerate(("there", "back"), 1):
        source = save_marian(root / f"{name}_source", seed)
        fetch_encoder(name, {"sources": [{"folder": str(source)}]}, root / name / "encoder.json")
        manifests.append(root / name / "encoder.json")
    return manifests[0], manifests[1]


def translator(pair: tuple[Path, Path], cache: Path, *, beams: int = 2, batch: int = 2):  # type: ignore[no-untyped-def]
    return round_trip(forward=pair[0], backward=pair[1], beams=beams, batch=batch, cache=cache)


def test_the_settings_of_generation_travel_with_the_model(pair: tuple[Path, Path]) -> None:
    assert all((manifest.parent / "generation_config.json").is_file() for manifest in pair)


def test_batches_and_order_change_no_translation(pair: tuple[Path, Path]) -> None:
    """Against a loop over the texts, one by one, by transformers alone."""
    marian = Marian(pair[0].parent, torch.device("cpu"), beams=2, batch=3)
    network, tokenizer = MarianMTModel.from_pretrained(pair[0].parent).eval(), PreTrainedTokenizerFast.from_pretrained(pair[0].parent)
    expected = []
    for text in TEXTS:
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        limit = min(63, 3 * ids.shape[1] + 16)
        row = network.generate(input_ids=ids, attention_mask=torch.ones_like(ids), num_beams=2, do_sample=False, max_new_tokens=limit)[0]
        said = tokenizer.decode(row, skip_special_tokens=True).strip()
        expected.append(said if 0 in row[1:limit].tolist() and said else None)
    whole = Marian(pair[0].parent, torch.device("cpu"), beams=2, batch=1)
    assert marian(TEXTS) == list(reversed(marian(list(reversed(TEXTS))))) == whole(TEXTS)
    assert marian(TEXTS) == expected
    assert marian([None, "a", None])[0] is None and marian([]) == []


def test_a_text_longer_than_the_model_reads_is_not_cut(pair: tuple[Path, Path]) -> None:
    marian = Marian(pair[0].parent, torch.device("cpu"), beams=1, batch=4)
    assert marian(["a" * 64, "a"])[0] is None
    assert marian._read([3, 4, 5, 6], limit=4) is None  # generation never came to an end
    assert marian._read([3, 4, 5, 0], limit=4) is None  # it was made to end
    assert marian._read([3, 4, 0, 2], limit=4) == "a"
    assert marian._read([0, 2, 2, 2], limit=4) is None  # nothing was said


def test_translations_are_kept_by_texts_models_and_settings(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = translator(pair, tmp_path)(TEXTS)
    assert len(first) == len(TEXTS) and len(list(tmp_path.glob("*.json"))) == 1
    translator(pair, tmp_path)(TEXTS[:2])
    translator(pair, tmp_path, beams=1)(TEXTS)
    translator(pair[::-1], tmp_path)(TEXTS)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json"] * 4  # nothing half written

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("expected the cache to be used")

    monkeypatch.setattr("bioner.tagging.translation.Marian", refuse)
    assert translator(pair, tmp_path)(TEXTS) == first


def test_the_command_goes_through_both_models(pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "all were well. Zorbinol was given. All were well."
    documents = [Document(str(number), f"{text} {number}", (Mention("T1", ((15, 23),), "Drug"),)) for number in range(6)]
    write_documents(tmp_path / "n.jsonl", documents)
    argv = [
        "--normalized", str(tmp_path / "n.jsonl"), "--output", str(tmp_path / "a" / "back_translation.jsonl"),
        "--settings", '{"back_translation": {"forward": "there", "backward": "back", "rate": 0.4, "beams": 1}}',
        "--translators", *map(str, pair),
    ]  # fmt: skip
    augment.main(argv)
    first = (tmp_path / "a" / "back_translation.jsonl").read_bytes()
    variants = list(read_documents(tmp_path / "a" / "back_translation.jsonl"))
    assert all(variant.surface(variant.mentions[0]) == "Zorbinol" for variant in variants)
    assert f"back-translation: {len(variants)} variants" in capsys.readouterr().err
    assert list((tmp_path / "a" / "translations").glob("*.json"))
    augment.main(argv)
    assert (tmp_path / "a" / "back_translation.jsonl").read_bytes() == first


def test_other_models_are_refused_in_one_line(tmp_path: Path, bert: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_encoder("bert", {"sources": [{"folder": str(bert)}]}, tmp_path / "bert" / "encoder.json")
    with pytest.raises(BionerError, match="expected a MarianMT model"):
        round_trip(forward=tmp_path / "bert" / "encoder.json", backward=pair[1], beams=1, batch=1, cache=tmp_path / "c")(["a"])
    folder = tmp_path / "spm"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "generation_config.json"):
        (folder / name).write_bytes((pair[0].parent / name).read_bytes())
    write_json(folder / "vocab.json", {"<unk>": 0})
    (folder / "source.spm").write_bytes(b"no model")
    with pytest.raises(BionerError, match="expected a MarianMT model"):
        Marian(folder, torch.device("cpu"), beams=1, batch=1)
    monkeypatch.setattr("bioner.tagging.translation.importlib.util.find_spec", lambda _: None)
    with pytest.raises(BionerError, match=r"source\.spm: expected the package sentencepiece, it is not installed"):
        Marian(folder, torch.device("cpu"), beams=1, batch=1)


@pytest.mark.parametrize(("beams", "batch", "told"), [(0, 1, "beams"), (True, 1, "beams"), (4, -1, "batch"), (4, "16", "batch")])
def test_wrong_settings_are_told(pair: tuple[Path, Path], tmp_path: Path, beams: int, batch: int, told: str) -> None:
    with pytest.raises(BionerError, match=rf"`back_translation\.{told}` as a whole number from 1 on"):
        translator(pair, tmp_path, beams=beams, batch=batch)
