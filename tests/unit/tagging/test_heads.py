"""New taggers of each architecture: the encoder's weights, a head that is new whatever came along, and the recipe's dropout before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModelForMaskedLM, AutoModelForTokenClassification

from bioner.errors import BionerError
from bioner.tagging.tagger import Tagger, new_tagger
from bioner.tags import TagSet

TAGS = TagSet(("Chemical", "Disease"))
SHAPE: dict[str, Any] = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "pad_token_id": 0}
NAMES = ("albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta")
SPECIAL = {"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}


@pytest.fixture(scope="session", params=NAMES)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked language model of an architecture, with random weights."""
    sizes = {"hidden_dim": 32} if request.param == "distilbert" else {"intermediate_size": 32}
    config = AutoConfig.for_model(request.param, **SHAPE, **sizes, **(SPECIAL if request.param == "modernbert" else {}))
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    return folder


def fine_tune(source: Path, folder: Path, labels: int) -> Path:
    """The same encoder under a head for a number of labels, as somebody published it."""
    torch.manual_seed(3)
    network = AutoModelForTokenClassification.from_pretrained(source, local_files_only=True, num_labels=labels)
    nn.init.constant_(network.classifier.bias, 5.0)
    network.save_pretrained(folder)
    assert load_file(folder / "model.safetensors")["classifier.weight"].shape[0] == labels
    return folder


def made(folder: Path, **options: Any) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The weights of a new tagger, and what the random state gives afterwards."""
    torch.manual_seed(7)
    return new_tagger(folder, TAGS, crf=True, **options).state_dict(), torch.rand(4)


@pytest.mark.parametrize("labels", [len(TAGS.names), 9])
def test_a_head_that_came_along_is_left_out(tmp_path: Path, checkpoint: Path, labels: int, capsys: pytest.CaptureFixture[str]) -> None:
    expected, random = made(checkpoint)
    assert "head" not in capsys.readouterr().err
    found, left = made(fine_tune(checkpoint, tmp_path / "tuned", labels))
    assert found.keys() == expected.keys() and torch.equal(left, random)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    told = [line for line in capsys.readouterr().err.splitlines() if str(tmp_path / "tuned") in line and "head" in line]
    assert told == [f"{tmp_path / 'tuned'}: the checkpoint's own head is left out; a new one is trained"]


def test_a_head_that_came_along_is_left_out_beside_word_vectors(tmp_path: Path, checkpoint: Path) -> None:
    vectors = torch.ones(5, 4)
    expected, found = made(checkpoint, vectors=vectors), made(fine_tune(checkpoint, tmp_path / "tuned", 9), vectors=vectors)
    assert all(torch.equal(found[0][name], expected[0][name]) for name in expected[0]) and torch.equal(found[1], expected[1])


def test_an_encoder_that_does_not_fit_is_refused_by_its_first_keys(tmp_path: Path, bert: Path) -> None:
    """Some weights are not there, some have other shapes; the head, which is left out, is not what is told."""
    tuned = fine_tune(bert, tmp_path / "tuned", 9)
    tensors = load_file(tuned / "model.safetensors")
    del tensors["bert.embeddings.LayerNorm.bias"], tensors["bert.encoder.layer.1.output.dense.weight"]
    for name in ("bert.embeddings.word_embeddings.weight", "bert.encoder.layer.0.output.dense.bias"):
        tensors[name] = tensors[name][:-1].clone()
    save_file(tensors, tuned / "model.safetensors", metadata={"format": "pt"})
    names = "bert.embeddings.LayerNorm.bias, bert.embeddings.word_embeddings.weight, bert.encoder.layer.0.output.dense.bias, ..."
    with pytest.raises(BionerError) as caught:
        new_tagger(tuned, TAGS, crf=False)
    assert str(caught.value) == (
        f"{tuned}: expected weights for all of the encoder, found none or such of other shapes for 4 tensors ({names}); "
        "the weights are of another architecture than config.json says: fetch the encoder again, or use another"
    )


def dropouts(tagger: Tagger) -> list[float]:
    """The rates of all dropout outside of the encoder."""
    inside = set(tagger.network.base_model.modules())
    return [module.p for module in tagger.network.modules() if isinstance(module, nn.Dropout) and module not in inside]


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_the_dropout_before_the_head_is_the_recipes(checkpoint: Path, rate: float) -> None:
    (own,) = dropouts(new_tagger(checkpoint, TAGS, crf=False))
    tagger = new_tagger(checkpoint, TAGS, crf=False, dropout=rate)
    assert own not in (0.3, 1.0) and dropouts(tagger) == [rate]
    assert {type(module).__name__ for module in tagger.network.modules() if "Dropout" in type(module).__name__} <= {"Dropout"}
    torch.manual_seed(1)
    scores = tagger.network.train()(input_ids=torch.randint(5, 50, (2, 9)), attention_mask=torch.ones(2, 9, dtype=torch.long)).logits
    bias = tagger.network.classifier.bias.expand_as(scores)
    assert torch.equal(scores, bias) == (rate == 1.0)  # where all is dropped, the bias is left


def test_a_dropout_that_a_network_has_no_place_for_is_refused(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = AutoModelForTokenClassification.from_pretrained

    def bare(*arguments: Any, **options: Any) -> Any:
        network, report = original(*arguments, **options)
        network.dropout = nn.Identity()
        return network, report

    monkeypatch.setattr(AutoModelForTokenClassification, "from_pretrained", bare)
    with pytest.raises(BionerError, match=r"expected dropout before the head of a BertFor.*, found none; set dropout: null"):
        new_tagger(bert, TAGS, crf=False, dropout=0.3)
    new_tagger(bert, TAGS, crf=False)
