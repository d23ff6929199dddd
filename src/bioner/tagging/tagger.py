"""A tagger: a pretrained encoder, a linear layer over first pieces, optionally a CRF."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModelForTokenClassification, AutoTokenizer
from transformers.initialization import no_init_weights

from bioner.errors import BionerError
from bioner.storage import atomic_path
from bioner.tagging.batches import Batch
from bioner.tagging.crf import CRF
from bioner.tagging.encode import Encoder
from bioner.tagging.loading import load_config, load_network
from bioner.tags import TagSet

WEIGHTS = "model.safetensors"


class Tagger(nn.Module):
    """Emissions of T tags for the first piece of each word.

    The network is transformers' model for token classification of the encoder's family, so that a
    tagger with a linear head is, file by file, a model that plain transformers loads.
    """

    def __init__(self, network: Any, tag_set: TagSet, *, crf: bool) -> None:
        super().__init__()
        self.network = network
        self.tag_set = tag_set
        self.crf = CRF(len(tag_set.names)) if crf else None

    def embed(self, pieces: Tensor) -> Tensor:
        """Word embeddings [B, L, E] of pieces [B, L], before positions and normalization."""
        embeddings: Tensor = self.network.get_input_embeddings()(pieces)
        return embeddings

    def emissions(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """Scores [N, T] in float32 of the labelled words of a batch, from embeddings [B, L, E]."""
        hidden = self.network.base_model(inputs_embeds=embeddings, attention_mask=batch.mask.long()).last_hidden_state
        hidden = hidden.flatten(0, 1)[batch.heads]
        for part in ("head", "dropout", "drop"):
            if isinstance(layer := getattr(self.network, part, None), nn.Module):
                hidden = layer(hidden)
        scores: Tensor = self.network.classifier(hidden)
        return scores.float()


def freeze(network: Any, layers: int) -> None:
    """Stop training the embeddings and the first `layers` layers of the encoder."""
    base = network.base_model
    owners = (base, getattr(base, "encoder", None))
    stack = next((found for owner in owners for name in ("layer", "layers") if (found := getattr(owner, name, None))), ())
    if layers > len(stack):
        raise BionerError(f"expected at most {len(stack)} frozen_layers for a {type(network).__name__}, got {layers}; set it in the recipe")
    for module in (base.embeddings, *stack[:layers]):
        module.requires_grad_(False)


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A trained tagger as `load_run` finds it."""

    tagger: Tagger
    encoder: Encoder


def new_tagger(
    encoder_folder: Path, tag_set: TagSet, *, crf: bool, dropout: float | None = None, attention_dropout: float | None = None
) -> Tagger:
    """A tagger with the encoder's weights and a new head, initialised from torch's random state.

    Args:
        dropout: probability before the head, None for the encoder's own.
        attention_dropout: probability on attention weights, None for the encoder's own. Anything
            but 0 keeps torch from its fused attention on processors.
    """
    config = load_config(encoder_folder)
    config.id2label = dict(enumerate(tag_set.names))
    config.label2id = {name: index for index, name in enumerate(tag_set.names)}
    if dropout is not None:
        config.classifier_dropout = config.classifier_dropout_prob = dropout
    if attention_dropout is not None:
        config.attention_probs_dropout_prob = config.attention_dropout = attention_dropout
    network, report = load_network(encoder_folder, config=config, dtype=torch.float32, output_loading_info=True)
    missing = sorted(name for name in report["missing_keys"] if name.startswith(f"{network.base_model_prefix}."))
    if missing:
        raise BionerError(
            f"{encoder_folder}: expected weights for all of the encoder, found none for {len(missing)} tensors ({missing[0]}, ...); "
            "the weights are of another architecture than config.json says"
        )
    return Tagger(network, tag_set, crf=crf)


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of an encoder or run folder; a vocabulary that loaded wrong is an error.

    transformers 5 builds a tokenizer of five tokens, in silence, from files that it cannot read.
    """
    expected = load_config(folder).vocab_size
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if not expected // 2 <= len(tokenizer) <= expected:
        raise BionerError(
            f"{folder}: expected a vocabulary of about {expected} pieces (config.json), the tokenizer has {len(tokenizer)}; "
            "check the tokenizer files and fetch the encoder again"
        )
    if not tokenizer.is_fast:
        raise BionerError(f"{folder}: expected a tokenizer with a fast implementation (tokenizer.json); convert it with transformers")
    return tokenizer


def make_encoder(tokenizer: Any, tag_set: TagSet, recipe: dict[str, Any], config: Any) -> Encoder:
    """The encoder of documents for a recipe; its window may not exceed the model's positions."""
    limit = getattr(config, "max_position_embeddings", recipe["window"])
    if config.model_type in ("roberta", "xlm-roberta", "camembert"):
        limit -= config.pad_token_id + 1  # their positions begin after the padding's
    if recipe["window"] > limit:
        raise BionerError(
            f"expected window of at most {limit} pieces, the encoder's positions; recipe {recipe['model']} has {recipe['window']}"
        )
    return Encoder(tokenizer, tag_set, window=recipe["window"], overlap=recipe["overlap"])


def save_tagger(folder: Path, tagger: Tagger, tokenizer: Any, recipe: dict[str, Any]) -> None:
    """Write config.json, model.safetensors and tokenizer files; the CRF's tensors begin with `crf.`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = tagger.network.config
    config.architectures = [type(tagger.network).__name__]
    config.bioner = {"head": "crf" if tagger.crf else "linear", "types": list(tagger.tag_set.types), "recipe": recipe}
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tagger.network.state_dict().items()}
    if tagger.crf is not None:
        tensors |= {f"crf.{name}": tensor.detach().cpu() for name, tensor in tagger.crf.state_dict().items()}
    with atomic_path(folder / WEIGHTS) as path:
        save_file(tensors, path, metadata={"format": "pt"})


def load_run(folder: Path) -> LoadedRun:
    """Load a trained tagger from its folder, in evaluation mode, on the CPU, in float32."""
    if not (folder / WEIGHTS).is_file():
        raise BionerError(f"{folder / WEIGHTS}: expected the weights of a run, found none; run the rule train")
    config = load_config(folder)
    settings = getattr(config, "bioner", None)
    if not settings:
        raise BionerError(f"{folder / 'config.json'}: expected a key 'bioner', found none; this is not a run of bioner")
    tag_set = TagSet(tuple(settings["types"]))
    tensors = load_file(folder / WEIGHTS)
    crf = {name.removeprefix("crf."): tensors.pop(name) for name in list(tensors) if name.startswith("crf.")}
    with no_init_weights():  # they are all loaded next
        network = AutoModelForTokenClassification.from_config(config)
    network.load_state_dict(tensors)
    tagger = Tagger(network, tag_set, crf=settings["head"] == "crf")
    if tagger.crf is not None:
        tagger.crf.load_state_dict(crf)
    encoder = make_encoder(load_tokenizer(folder), tag_set, settings["recipe"], config)
    return LoadedRun(tagger.float().eval(), encoder)
