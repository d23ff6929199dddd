"""ALBERT and BERT checkpoints of google-research's TensorFlow code as encoder folders: BioALBERT, the originals of BioBERT and BlueBERT."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file
from sentencepiece import SentencePieceProcessor
from transformers import AlbertConfig, AutoModel, AutoModelForMaskedLM, BertConfig

from bioner.commandline import say
from bioner.errors import BionerError
from bioner.storage import read_json, sha256_file, unwritten, write_json
from bioner.tagging.loading import UNREADABLE, first_line, is_cased, load_network, read_tokenizer
from bioner.tagging.saving import saving
from bioner.tagging.tf_checkpoint import Checkpoint

LEAVES = {"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
LEFT_OUT = {
    r"(.*/)?(adam|lamb)_[mv]|(.*/)?(Adam|LAMB|AdamWeightDecay)\w*(_1)?|beta[12]_power|global_step|.*loss_scale.*": "state of the optimizer",
    r"cls/seq_relationship/.*": "head of sentence pairs, which taggers do not have",
    r"output_(weights|bias)|.*classifier.*": "head of another task",
}
"""Pattern of a variable's name -> why it is left out."""

COMMON = {
    r"bert/embeddings/(word|token_type|position)_embeddings": r"{base}.embeddings.\1_embeddings.weight",
    r"bert/embeddings/LayerNorm": r"{base}.embeddings.LayerNorm",
}
LAYER = r"bert/encoder/layer_(\d+)"
BERT = COMMON | {
    rf"{LAYER}/attention/self/(query|key|value)": r"{base}.encoder.layer.\1.attention.self.\2",
    rf"{LAYER}/attention/output/(dense|LayerNorm)": r"{base}.encoder.layer.\1.attention.output.\2",
    rf"{LAYER}/intermediate/dense": r"{base}.encoder.layer.\1.intermediate.dense",
    rf"{LAYER}/output/(dense|LayerNorm)": r"{base}.encoder.layer.\1.output.\2",
    r"bert/pooler/dense": r"{base}.pooler.dense",
    r"cls/predictions/transform/(dense|LayerNorm)": r"cls.predictions.transform.\1",
    r"cls/predictions/output_bias": r"cls.predictions.bias",
}
GROUP = r"bert/encoder/transformer/group_(\d+)/inner_group_(\d+)"
SHARED = r"{base}.encoder.albert_layer_groups.\1.albert_layers.\2"
ALBERT = COMMON | {
    r"bert/encoder/embedding_hidden_mapping_in": r"{base}.encoder.embedding_hidden_mapping_in",
    rf"{GROUP}/attention_1/self/(query|key|value)": rf"{SHARED}.attention.\3",
    rf"{GROUP}/attention_1/output/dense": rf"{SHARED}.attention.dense",
    rf"{GROUP}/LayerNorm": rf"{SHARED}.attention.LayerNorm",
    rf"{GROUP}/LayerNorm_1": rf"{SHARED}.full_layer_layer_norm",
    rf"{GROUP}/ffn_1/intermediate/dense": rf"{SHARED}.ffn",
    rf"{GROUP}/ffn_1/intermediate/output/dense": rf"{SHARED}.ffn_output",
    r"bert/pooler/dense": r"{base}.pooler",
    r"cls/predictions/transform/(dense|LayerNorm)": r"predictions.\1",
    r"cls/predictions/output_bias": r"predictions.bias",
}
"""Pattern of a variable's name, without the leaf where it has one of LEAVES -> name in transformers, without that leaf."""


@dataclass(frozen=True, slots=True)
class Family:
    """What a family of checkpoints is called: in transformers, in names of variables, and in files beside them."""

    name: str
    names: dict[str, str]
    config: Any
    config_files: tuple[str, ...]
    vocabularies: tuple[str, ...]
    vocabulary: str


FAMILIES = (
    Family("albert", ALBERT, AlbertConfig, ("albert_config.json", "config.json"), ("spiece.model", "30k-clean.model"), "spiece.model"),
    Family("bert", BERT, BertConfig, ("bert_config.json", "config.json"), ("vocab.txt",), "vocab.txt"),
)


def convert_checkpoint(
    checkpoint: Path, output: Path, *, config: Path | None = None, vocabulary: Path | None = None, lower_case: bool | None = None
) -> None:
    """Make an encoder folder of a TensorFlow checkpoint: config.json, model.safetensors, tokenizer files, and conversion.json.

    Each variable is used or left out by name; conversion.json and the messages say which and why. The folder appears when all of it is
    written and has been loaded by transformers.

    Args:
        checkpoint: the path up to `.index`, or a folder with one checkpoint.
        output: the folder to make; there must be none, or an empty one.
        config: the original's configuration; None for `albert_config.json` or `bert_config.json` beside the checkpoint.
        vocabulary: `spiece.model` or `vocab.txt`; None for the one beside the checkpoint.
        lower_case: whether text is lower-cased; None for yes unless the vocabulary has pieces with capitals.

    Raises:
        BionerError: files that are missing, damaged or of another model; a variable of the encoder that is unknown, missing or of
            another shape than the configuration says.
    """
    prefix = find_checkpoint(checkpoint)
    source = Checkpoint(prefix)
    family = FAMILIES[not any("embedding_hidden_mapping_in" in name for name in source.variables)]
    config = config or _beside(prefix, family.config_files, "configuration", "--model-config")
    vocabulary = vocabulary or _beside(prefix, family.vocabularies, "vocabulary", "--vocabulary")
    settings = read_settings(family, config)
    names, left_out = rename(family, source)
    tensors = _read(source, names, _expected(settings, config), config)
    if lower_case is None:
        lower_case = not is_cased(_pieces(vocabulary))
    with _new_folder(output) as folder:
        with saving(output):
            settings.save_pretrained(folder)
            save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        shutil.copyfile(vocabulary, folder / family.vocabulary)
        write_json(folder / "tokenizer_config.json", {"do_lower_case": lower_case, "tokenizer_class": f"{family.name.title()}Tokenizer"})
        read_tokenizer(folder, settings.vocab_size)
        load_network(folder)
        told = {"used": len(tensors), "left_out": left_out, "lower_case": lower_case}
        digests = {path.name: sha256_file(path) for path in (source.index, config, vocabulary)}
        write_json(folder / "conversion.json", told | {"checkpoint": prefix.name, "files": digests})
    for reason in sorted(set(left_out.values())):
        found = [name for name in left_out if left_out[name] == reason]
        say(f"left out, {reason}: {len(found)} ({', '.join(found[:3])}{', ...' if len(found) > 3 else ''})")
    say(f"{output}: {family.name} of {len(tensors)} tensors, text is {'' if lower_case else 'not '}lower-cased")


def find_checkpoint(path: Path) -> Path:
    """The prefix of the checkpoint that a path names, or of the only one in a folder."""
    if not path.is_dir():
        return path.with_name(re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", path.name))
    found = sorted(path.glob("*.index"))
    if len(found) != 1:
        names = ", ".join(item.name for item in found) or "none"
        raise BionerError(f"{path}: expected one checkpoint (*.index), found {names}; name one by its path up to .index")
    return found[0].with_suffix("")


def _beside(prefix: Path, names: tuple[str, ...], what: str, option: str) -> Path:
    for name in names:
        if (path := prefix.with_name(name)).is_file():
            return path
    raise BionerError(f"{prefix.parent}: expected the checkpoint's {what} ({' or '.join(names)}), found none; name it with {option}")


def read_settings(family: Family, path: Path) -> Any:
    """The configuration in transformers' form; keys that transformers does not have are told and left out.

    google-research's ALBERT computes GELU by tanh, which transformers calls gelu_new; its BERT is converted with the exact GELU by all.
    """
    values = read_json(path)
    if not isinstance(values, dict) or "hidden_size" not in values:
        raise BionerError(
            f"{path}: expected the configuration of a model with hidden_size, found none; name another file with --model-config"
        )
    known = family.config()
    unknown = sorted(key for key in values if not hasattr(known, key))
    if unknown:
        say(f"{path}: left out of the configuration: {', '.join(unknown)}")
    kept = {key: value for key, value in values.items() if key not in unknown and key != "model_type"}
    if family.name == "albert" and kept.get("hidden_act") == "gelu":
        kept["hidden_act"] = "gelu_new"
    with _fitting(path):
        return family.config(**kept)


@contextmanager
def _fitting(path: Path) -> Iterator[None]:
    """Tell what transformers finds wrong with a configuration."""
    try:
        yield
    except UNREADABLE as error:
        raise BionerError(
            f"{path}: expected the configuration of a model, found {first_line(error)}; use the model's own configuration"
        ) from error


def rename(family: Family, source: Checkpoint) -> tuple[dict[str, str], dict[str, str]]:
    """Name in transformers -> variable, and variable left out -> reason."""
    used: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name in source.variables:
        plain = name.removeprefix("module/")  # of TensorFlow Hub
        if reason := next((LEFT_OUT[pattern] for pattern in LEFT_OUT if re.fullmatch(pattern, plain)), None):
            left_out[name] = reason
        elif target := _translate(family, plain):
            used[target] = name
        elif plain.startswith("bert/"):
            raise BionerError(
                f"{source.index}: expected variables of google-research's {family.name}, found {name}, which is none; "
                "convert this checkpoint with the code that it comes from"
            )
        else:
            left_out[name] = "not of the encoder"
    return used, left_out


def _translate(family: Family, name: str) -> str | None:
    stem, _, leaf = name.rpartition("/")
    path, end = (stem, f".{LEAVES[leaf]}") if leaf in LEAVES else (name, "")
    for pattern, target in family.names.items():
        if found := re.fullmatch(pattern, path):
            return found.expand(target.replace("{base}", family.name)) + end
    return None


def _expected(settings: Any, path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the encoder's tensors and of those of the head for masked words, by name; matrices that are tied once."""
    with _fitting(path), torch.device("meta"):
        base = AutoModel.from_config(settings).state_dict()
        whole = AutoModelForMaskedLM.from_config(settings).state_dict()
    prefix = f"{settings.model_type}."
    tensors = {f"{prefix}{name}": tensor for name, tensor in base.items()}
    tensors |= {name: tensor for name, tensor in whole.items() if not name.startswith(prefix) and "decoder." not in name}
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _read(source: Checkpoint, names: dict[str, str], expected: dict[str, tuple[int, ...]], config: Path) -> dict[str, Any]:
    """Arrays by name in transformers; kernels are [input, output] in TensorFlow and the other way round here."""
    tensors = {}
    for target, name in names.items():
        if target not in expected:
            raise BionerError(
                f"{source.index}: {name}: expected no such variable in a model as {config} describes; use the model's own configuration"
            )
        values = source.read(name)
        values = np.ascontiguousarray(values.T if name.endswith("/kernel") else values)
        if values.shape != expected[target]:
            raise BionerError(
                f"{source.index}: {name}: expected shape {list(expected[target])} as {config} says (kernels turned), "
                f"found {list(values.shape)}; use the model's own configuration"
            )
        tensors[target] = values
    head = [name for name in expected if name.startswith(("predictions.", "cls."))]
    optional = {name for name in expected if ".pooler." in name} | (set() if any(name in names for name in head) else set(head))
    if missing := sorted(expected.keys() - tensors.keys() - optional):
        raise BionerError(
            f"{source.index}: expected a variable for each of {len(expected)} tensors, found none for {len(missing)} ({missing[0]}, ...); "
            f"use the model's own configuration instead of {config}"
        )
    return tensors


def _pieces(path: Path) -> list[str]:
    """The pieces of a vocabulary."""
    if path.suffix != ".model":
        return path.read_text(encoding="utf-8", errors="replace").split("\n")
    try:
        model = SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        raise BionerError(
            f"{path}: expected a model of SentencePiece, found something else; name another file with --vocabulary"
        ) from error
    return [str(model.id_to_piece(number)) for number in range(model.get_piece_size())]


@contextmanager
def _new_folder(output: Path) -> Iterator[Path]:
    """A folder beside `output` that takes its place when the block succeeds and goes away when it fails."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise BionerError(f"{output}: expected no such folder, or an empty one, found files; name another --output or delete it")
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.replace(output)
    except OSError as error:
        raise unwritten(output, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
