"""TensorFlow checkpoints: read without TensorFlow, and made into encoders that compute what the model they were written from computes."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load_file
from transformers import AlbertConfig, AlbertForPreTraining, AlbertModel, BertConfig, BertForPreTraining, BertModel

from bioner.console import main
from bioner.errors import BionerError
from bioner.storage import read_json, write_json
from bioner.tagging.conversion import convert_checkpoint
from bioner.tagging.crc32c import crc32c
from bioner.tagging.encoders import fetch_encoder
from bioner.tagging.tagger import load_tokenizer, new_tagger
from bioner.tagging.tf_checkpoint import Checkpoint
from bioner.tags import TagSet

from .families import VOCABULARIES, sentence_pieces, vocabulary
from .tf_writer import MAGIC, slow_crc32c, table, write_checkpoint

# what TensorFlow 2.21.0 wrote by tf.raw_ops.SaveV2 of {"global_step": 7, "layer/bias": [0.5, -2], "layer/kernel": [[1, 2, 3], [4, 5, 6]]}
INDEX = """
AAAGCAEaAggBAAsLZ2xvYmFsX3N0ZXAICRIAKAg1u9efEQAKEWxheWVyL2JpYXMIARIEEgIIAiAIKAg1VFfCLAYGFWtlcm5lbAgBEggSAggCEgIIAyAQKBg1euv1
qwAAAAABAAAAAMwkrZUAAAAAAQAAAADA8qGwAAECbQBmAAAAAAEAAAAAS638r2sIeA4AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABX+4CLJHVH2w==
"""
DATA = "BwAAAAAAAAAAAAA/AAAAwAAAgD8AAABAAABAQAAAgEAAAKBAAADAQA=="


def test_a_checkpoint_that_tensorflow_wrote_is_read(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt-7.index").write_bytes(base64.b64decode(INDEX))
    (tmp_path / "model.ckpt-7.data-00000-of-00001").write_bytes(base64.b64decode(DATA))
    checkpoint = Checkpoint(tmp_path / "model.ckpt-7")
    assert list(checkpoint.variables) == ["global_step", "layer/bias", "layer/kernel"]
    assert checkpoint.read("layer/bias").tolist() == [0.5, -2] and checkpoint.read("layer/kernel").tolist() == [[1, 2, 3], [4, 5, 6]]
    with pytest.raises(BionerError, match=r"ckpt-7\.index: global_step: expected a variable of floats in one part, found type 9"):
        checkpoint.read("global_step")


def test_the_checksum_is_that_of_rfc_3720() -> None:
    examples = {b"123456789": 0xE3069283, bytes(32): 0x8A9136AA, b"\xff" * 32: 0x62A8AB43, bytes(range(32)): 0x46DD794E, b"": 0}
    assert {data: crc32c(data) for data in examples} == examples


@given(st.binary(max_size=3000))
@settings(deadline=None)
def test_the_checksum_is_the_slow_ones(data: bytes) -> None:
    assert crc32c(data) == slow_crc32c(data)


@given(size=st.integers(0, 200_000), seed=st.integers(0, 9))
@settings(max_examples=10, deadline=None)
def test_the_checksum_of_two_parts_joined(size: int, seed: int) -> None:
    """Long data is checked through a register that goes on: that of the whole follows from that of its first part, byte by byte."""
    data = np.random.default_rng(seed).bytes(size + 50)
    assert crc32c(data) == slow_crc32c(data[size:], crc32c(data[:size]) ^ 0xFFFFFFFF)


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@given(
    shapes=st.dictionaries(NAMES | st.sampled_from(["bert/a/kernel", "bert/a/bias", "bert/ab"]), SHAPES, max_size=25),
    shards=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, shapes: dict[str, tuple[int, ...]], shards: int) -> None:
    random = np.random.default_rng(1)
    kinds = ("float32", "float16", "float64")
    variables: dict[str, NDArray[Any]] = {
        name: np.asarray(random.normal(size=shape), dtype=kinds[number % 3]) for number, (name, shape) in enumerate(shapes.items())
    }
    prefix = tmp_path_factory.mktemp("checkpoint") / "model.ckpt-1"
    write_checkpoint(prefix, variables, shards=shards)
    checkpoint = Checkpoint(prefix)
    assert checkpoint.variables.keys() == variables.keys()
    for name, values in variables.items():
        assert np.array_equal(checkpoint.read(name), values.astype(np.float32)), name


def small(prefix: Path) -> Path:
    write_checkpoint(prefix, {f"layer_{number}/kernel": np.full((2, 3), number, dtype=np.float32) for number in range(12)})
    return prefix


def test_every_changed_byte_of_an_index_is_noticed(tmp_path: Path) -> None:
    prefix = small(tmp_path / "model.ckpt")
    good = (tmp_path / "model.ckpt.index").read_bytes()
    used = len(good) - 48  # of the footer, padding and the handle of an empty block are not read
    for place in [*range(used), *range(len(good) - 8, len(good))]:
        (tmp_path / "model.ckpt.index").write_bytes(good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :])
        try:
            variables = Checkpoint(prefix).variables
        except BionerError as error:
            assert str(error).startswith(f"{tmp_path / 'model.ckpt.index'}: expected the index of a TensorFlow checkpoint, found ")
            assert "\n" not in str(error)
        else:  # the block of meta entries, which nobody reads
            assert len(variables) == 12 and good.rfind(b"\0\0\0\0\1\0\0\0", 0, used) - 200 < place


@pytest.mark.parametrize("length", [0, 10, 47, 48, 200])
def test_a_cut_index_is_told(tmp_path: Path, length: int) -> None:
    prefix = small(tmp_path / "model.ckpt")
    path = tmp_path / "model.ckpt.index"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(BionerError, match=r"ckpt\.index: expected the index of a TensorFlow checkpoint, found no table"):
        Checkpoint(prefix)


def test_a_damaged_cut_or_missing_data_file_is_told(tmp_path: Path) -> None:
    prefix, path = small(tmp_path / "model.ckpt"), tmp_path / "model.ckpt.data-00000-of-00001"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(BionerError, match=r"data-00000-of-00001: layer_9/kernel: expected 24 bytes of checksum \w{8} for shape \[2, 3\]"):
        Checkpoint(prefix).read("layer_9/kernel")
    path.write_bytes(good[:-1])
    with pytest.raises(BionerError, match=r"layer_9/kernel: expected 24 bytes .* found 23 of"):
        Checkpoint(prefix).read("layer_9/kernel")
    path.unlink()
    with pytest.raises(BionerError, match=r"data-00000-of-00001: expected the data file of the checkpoint, found none"):
        Checkpoint(prefix).read("layer_9/kernel")


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    prefix, values = tmp_path / "model.ckpt", {"w": np.zeros(2, dtype=np.float32)}
    with pytest.raises(
        BionerError, match=r"model\.ckpt\.index: expected the index of a TensorFlow checkpoint beside its data file, found none"
    ):
        Checkpoint(prefix)
    write_checkpoint(prefix, values, header=b"\x10\x01")
    with pytest.raises(BionerError, match="expected little-endian variables, found big-endian ones"):
        Checkpoint(prefix)
    write_checkpoint(prefix, values, extra=b"\x3a\x00")
    with pytest.raises(BionerError, match="w: expected a variable of floats in one part, found a partitioned one"):
        Checkpoint(prefix).read("w")
    (tmp_path / "model.ckpt.index").write_bytes(table([(b"", b"\x08\x01")], compression=1))
    with pytest.raises(BionerError, match="found a table compressed with snappy"):
        Checkpoint(prefix)
    assert (tmp_path / "model.ckpt.index").read_bytes()[-8:] == MAGIC.to_bytes(8, "little")


ALBERT_ENCODER = {
    "bert/embeddings/word_embeddings": "albert.embeddings.word_embeddings.weight",
    "bert/embeddings/token_type_embeddings": "albert.embeddings.token_type_embeddings.weight",
    "bert/embeddings/position_embeddings": "albert.embeddings.position_embeddings.weight",
    "bert/embeddings/LayerNorm/gamma": "albert.embeddings.LayerNorm.weight",
    "bert/embeddings/LayerNorm/beta": "albert.embeddings.LayerNorm.bias",
    "bert/encoder/embedding_hidden_mapping_in/kernel": "albert.encoder.embedding_hidden_mapping_in.weight",
    "bert/encoder/embedding_hidden_mapping_in/bias": "albert.encoder.embedding_hidden_mapping_in.bias",
    "bert/pooler/dense/kernel": "albert.pooler.weight",
    "bert/pooler/dense/bias": "albert.pooler.bias",
    "cls/predictions/output_bias": "predictions.bias",
    "cls/predictions/transform/dense/kernel": "predictions.dense.weight",
    "cls/predictions/transform/dense/bias": "predictions.dense.bias",
    "cls/predictions/transform/LayerNorm/gamma": "predictions.LayerNorm.weight",
    "cls/predictions/transform/LayerNorm/beta": "predictions.LayerNorm.bias",
    "cls/seq_relationship/output_weights": "sop_classifier.classifier.weight",
    "cls/seq_relationship/output_bias": "sop_classifier.classifier.bias",
}
"""Variables of google-research/albert's run_pretraining.py, and AlbertForPreTraining's tensors."""
ALBERT_LAYER = {
    "attention_1/self/query/kernel": "attention.query.weight",
    "attention_1/self/query/bias": "attention.query.bias",
    "attention_1/self/key/kernel": "attention.key.weight",
    "attention_1/self/key/bias": "attention.key.bias",
    "attention_1/self/value/kernel": "attention.value.weight",
    "attention_1/self/value/bias": "attention.value.bias",
    "attention_1/output/dense/kernel": "attention.dense.weight",
    "attention_1/output/dense/bias": "attention.dense.bias",
    "LayerNorm/gamma": "attention.LayerNorm.weight",
    "LayerNorm/beta": "attention.LayerNorm.bias",
    "ffn_1/intermediate/dense/kernel": "ffn.weight",
    "ffn_1/intermediate/dense/bias": "ffn.bias",
    "ffn_1/intermediate/output/dense/kernel": "ffn_output.weight",
    "ffn_1/intermediate/output/dense/bias": "ffn_output.bias",
    "LayerNorm_1/gamma": "full_layer_layer_norm.weight",
    "LayerNorm_1/beta": "full_layer_layer_norm.bias",
}
BERT_PARTS = [
    "attention/self/query",
    "attention/self/key",
    "attention/self/value",
    "attention/output/dense",
    "intermediate/dense",
    "output/dense",
]
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "max_position_embeddings": 64}


def variables_of(model: torch.nn.Module, names: dict[str, str]) -> dict[str, NDArray[Any]]:
    """Variables as TensorFlow has them, with the state of an optimizer."""
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    assert {name for name in state if "decoder" not in name} == set(names.values())
    variables: dict[str, NDArray[Any]] = {}
    for name, ours in names.items():
        variables[name] = state[ours].T if name.endswith("/kernel") else state[ours]
        variables |= {f"{name}/adam_{moment}": np.zeros_like(variables[name]) for moment in "mv"}
    return variables | {"global_step": np.int64(7).reshape(())}


def disturb(model: torch.nn.Module) -> torch.nn.Module:
    """Random values in all tensors, those that begin as 0 and 1 included."""
    torch.manual_seed(3)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.randn_like(tensor) * 0.1)
    return model.eval()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A folder as BioALBERT's archives have it, and the model that it was written from."""
    folder = tmp_path_factory.mktemp("archive")
    real = VOCABULARIES / "albert-bioalbert" / "spiece.model"
    if real.is_file():
        shutil.copyfile(real, folder / "30k-clean.model")
        size = 30_000
    else:
        pieces = {"pad_piece": "<pad>", "unk_piece": "<unk>", "user_defined_symbols": "[CLS],[SEP],[MASK]"}
        size = sentence_pieces(folder / "30k-clean.model", pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, **pieces)
    model: Any = disturb(AlbertForPreTraining(AlbertConfig(vocab_size=size, embedding_size=8, hidden_act="gelu_new", **SHAPE)))
    group, target = "bert/encoder/transformer/group_0/inner_group_0", "albert.encoder.albert_layer_groups.0.albert_layers.0"
    layer = {f"{group}/{name}": f"{target}.{ours}" for name, ours in ALBERT_LAYER.items()}
    names = ALBERT_ENCODER | layer
    write_checkpoint(folder / "model.ckpt-200000", variables_of(model, names))
    values = {"attention_probs_dropout_prob": 0, "hidden_act": "gelu", "hidden_dropout_prob": 0, "embedding_size": 8, **SHAPE}
    values |= {
        "num_hidden_groups": 1,
        "net_structure_type": 0,
        "gap_size": 0,
        "num_memory_blocks": 0,
        "inner_group_num": 1,
        "down_scale_factor": 1,
    }
    write_json(folder / "albert_config.json", values | {"type_vocab_size": 2, "vocab_size": size, "initializer_range": 0.02})
    return folder, model


@pytest.fixture
def bioalbert(tmp_path: Path, archive: tuple[Path, Any]) -> tuple[Path, Any]:
    """A copy to spoil."""
    return Path(shutil.copytree(archive[0], tmp_path / "BioALBERT")), archive[1]


def test_a_converted_albert_computes_what_its_original_does(
    tmp_path: Path, bioalbert: tuple[Path, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    folder, original = bioalbert
    main(["convert", "--checkpoint", str(folder), "--output", str(tmp_path / "converted")])
    said = capfd.readouterr().err
    assert "left out, head of sentence pairs, which taggers do not have: 2 (cls/seq_relationship/output_bias, " in said
    assert "state of the optimizer: 65 (" in said and "net_structure_type" in said and "text is lower-cased" in said
    converted = AlbertModel.from_pretrained(tmp_path / "converted", local_files_only=True).eval()
    ids = torch.randint(5, 100, (3, 17))
    with torch.inference_mode():
        ours, theirs = converted(ids), original.albert(ids)
    assert torch.equal(ours.last_hidden_state, theirs.last_hidden_state) and torch.equal(ours.pooler_output, theirs.pooler_output)
    tensors = load_file(tmp_path / "converted" / "model.safetensors")
    assert np.array_equal(tensors["predictions.dense.weight"], original.predictions.dense.weight.detach().numpy())
    told = read_json(tmp_path / "converted" / "conversion.json")
    variables = Checkpoint(folder / "model.ckpt-200000").variables
    assert told["used"] + len(told["left_out"]) == len(variables) and len(told["left_out"]) == 67

    fetch_encoder("bioalbert", {"sources": [{"folder": str(tmp_path / "converted")}]}, tmp_path / "encoder" / "encoder.json")
    tokenizer = load_tokenizer(tmp_path / "encoder")
    tagger = new_tagger(tmp_path / "encoder", TagSet(("Disease",)), crf=False)
    assert tokenizer.tokenize("Severe PAIN") == tokenizer.tokenize("severe pain")
    assert torch.equal(tagger.network.albert.embeddings.word_embeddings.weight, original.albert.embeddings.word_embeddings.weight)


@pytest.fixture
def biobert(tmp_path: Path) -> tuple[Path, Any]:
    folder = tmp_path / "biobert_v1.1_pubmed"
    folder.mkdir()
    size = vocabulary(folder, "biobert-cased", lower=False)
    (folder / "tokenizer_config.json").unlink()
    model: Any = disturb(BertForPreTraining(BertConfig(vocab_size=size, **SHAPE)))
    names = {
        f"bert/embeddings/{kind}_embeddings": f"bert.embeddings.{kind}_embeddings.weight" for kind in ("word", "token_type", "position")
    }
    norms = ["bert/embeddings/LayerNorm", "cls/predictions/transform/LayerNorm"]
    dense = ["bert/pooler/dense", "cls/predictions/transform/dense"]
    for layer in range(2):
        dense += [f"bert/encoder/layer_{layer}/{part}" for part in BERT_PARTS]
        norms += [f"bert/encoder/layer_{layer}/{part}/LayerNorm" for part in ("attention/output", "output")]
    for kinds, stems in ((("kernel", "bias"), dense), (("gamma", "beta"), norms)):
        for stem in stems:
            ours = stem.replace("layer_", "layer.").replace("/", ".")
            names |= {f"{stem}/{kinds[0]}": f"{ours}.weight", f"{stem}/{kinds[1]}": f"{ours}.bias"}
    names |= {"cls/predictions/output_bias": "cls.predictions.bias"}
    names |= {
        "cls/seq_relationship/output_weights": "cls.seq_relationship.weight",
        "cls/seq_relationship/output_bias": "cls.seq_relationship.bias",
    }
    write_checkpoint(folder / "model.ckpt-1000000", variables_of(model, names), shards=2)
    write_json(folder / "bert_config.json", SHAPE | {"vocab_size": size, "hidden_act": "gelu", "type_vocab_size": 2})
    return folder, model


def test_a_converted_bert_computes_what_its_original_does(tmp_path: Path, biobert: tuple[Path, Any]) -> None:
    folder, original = biobert
    convert_checkpoint(folder / "model.ckpt-1000000.index", tmp_path / "converted")
    converted = BertModel.from_pretrained(tmp_path / "converted", local_files_only=True).eval()
    ids = torch.randint(5, 100, (3, 17))
    with torch.inference_mode():
        assert torch.equal(converted(ids).last_hidden_state, original.bert(ids).last_hidden_state)
    cased = read_json(tmp_path / "converted" / "conversion.json")["lower_case"] is False
    assert (
        cased
        and load_tokenizer(tmp_path / "converted").tokenize("The drug")[0] != load_tokenizer(tmp_path / "converted").tokenize("the drug")[0]
    )
    heads = read_json(folder / "bert_config.json") | {"num_attention_heads": 5}
    write_json(tmp_path / "heads.json", heads)
    with pytest.raises(BionerError, match=r"heads\.json: expected the configuration of a model, found ValueError: .*attention heads"):
        convert_checkpoint(folder, tmp_path / "other", config=tmp_path / "heads.json")
    convert_checkpoint(folder, tmp_path / "lowered", lower_case=True)
    assert load_tokenizer(tmp_path / "lowered").tokenize("The") == load_tokenizer(tmp_path / "lowered").tokenize("the")


KERNEL = "bert/encoder/embedding_hidden_mapping_in/kernel"
SECOND = "bert/encoder/transformer/group_1/inner_group_0/ffn_1/intermediate/dense/kernel"
Variables = dict[str, NDArray[Any]]


def rewrite(folder: Path, change: Callable[[Variables], object]) -> None:
    """Write the checkpoint of a folder anew, with changed variables."""
    prefix = folder / "model.ckpt-200000"
    checkpoint = Checkpoint(prefix)
    variables: Variables = {name: checkpoint.read(name) for name in checkpoint.variables if name != "global_step"}
    change(variables)
    write_checkpoint(prefix, variables)


def configure(folder: Path, **values: int | str) -> None:
    write_json(folder / "albert_config.json", read_json(folder / "albert_config.json") | values)


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda folder: rewrite(folder, lambda found: found.pop(KERNEL)), "found none for 1 "),
    "shape": (
        lambda folder: rewrite(folder, lambda found: found.update({KERNEL: found[KERNEL].T})),
        r"kernel: expected shape \[32, 8\] .* found \[8, 32\]",
    ),
    "unknown": (
        lambda folder: rewrite(folder, lambda found: found.update({"bert/rotary/kernel": found[KERNEL]})),
        "found bert/rotary/kernel, which is none",
    ),
    "more": (
        lambda folder: rewrite(folder, lambda found: found.update({SECOND: found[KERNEL]})),
        "ffn_1/intermediate/dense/kernel: expected no such variable in a model as",
    ),
    "no vocabulary": (lambda folder: (folder / "30k-clean.model").unlink(), r"expected the checkpoint's vocabulary \(spiece.model or 30k"),
    "damaged vocabulary": (lambda folder: (folder / "30k-clean.model").write_bytes(b"page"), "expected a model of SentencePiece"),
    "no configuration": (lambda folder: (folder / "albert_config.json").unlink(), "expected the checkpoint's configuration"),
    "empty configuration": (lambda folder: write_json(folder / "albert_config.json", {}), "expected the configuration of a model with"),
    "two checkpoints": (
        lambda folder: shutil.copy(folder / "model.ckpt-200000.index", folder / "model.ckpt-9.index"),
        "found model.ckpt-200000.index, model.ckpt-9",
    ),
    "another vocabulary": (lambda folder: configure(folder, vocab_size=10), r"word_embeddings: expected shape \[10, 8\]"),
    "wrong type": (
        lambda folder: configure(folder, hidden_size="wide"),
        r"albert_config\.json: expected the configuration of a model, found Strict",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_told_in_one_line_and_leaves_nothing(tmp_path: Path, bioalbert: tuple[Path, Any], name: str) -> None:
    folder, _ = bioalbert
    spoil, message = WRONG[name]
    spoil(folder)
    with pytest.raises(BionerError, match=message) as caught:
        convert_checkpoint(folder, tmp_path / "converted")
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_folder_with_files_is_not_overwritten(tmp_path: Path, bioalbert: tuple[Path, Any]) -> None:
    (tmp_path / "converted").mkdir()
    (tmp_path / "converted" / "notes.txt").write_text("mine")
    with pytest.raises(BionerError, match="converted: expected no such folder, or an empty one, found files"):
        convert_checkpoint(bioalbert[0], tmp_path / "converted")
    assert (tmp_path / "converted" / "notes.txt").read_text() == "mine"


def test_the_command_has_its_module_and_tells_errors_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bioner.commands.convert", "--checkpoint", str(tmp_path), "--output", str(tmp_path / "out")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith(
        f"error: {tmp_path}: expected one checkpoint (*.index), found none"
    )
