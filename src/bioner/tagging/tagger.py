"""A tagger: a pretrained encoder, a linear layer over units, optionally word vectors beside the encoder and a CRF on top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModelForTokenClassification
from transformers.initialization import no_init_weights

from bioner.commandline import say
from bioner.errors import BionerError
from bioner.storage import atomic_path, write_text
from bioner.tagging.batches import Batch
from bioner.tagging.crf import CRF, Constraints
from bioner.tagging.encode import Encoder
from bioner.tagging.loading import load_config, load_network, read_tokenizer
from bioner.tagging.refusals import RecipeError
from bioner.tagging.saving import saving
from bioner.tagging.word_vectors import read_vocabulary
from bioner.tags import TagSet

WEIGHTS = "model.safetensors"
WORDS = "words.txt"
HEAD = "classifier.weight"
NAMED = 3
"""Tensors that do not fit which an error names."""


class Tagger(nn.Module):
    """Emissions of T tags for each unit, read from its first piece, its last, or the mean over its pieces.

    The network is transformers' model for token classification of the encoder's family, so that a
    tagger with a linear head and without word vectors is, file by file, a model that plain transformers loads.

    Args:
        vectors: [V, D] of word vectors, which are concatenated to the encoder's hidden states and trained; None without.
        constrained: whether only tag sequences that the scheme allows are predicted.
    """

    def __init__(self, network: Any, tag_set: TagSet, *, crf: bool, vectors: Tensor | None = None, constrained: bool = False) -> None:
        super().__init__()
        self.network = network
        self.tag_set = tag_set
        self.crf = CRF(len(tag_set.names)) if crf else None
        self.constraints = Constraints.of(tag_set) if constrained else None
        self.vectors = None if vectors is None else nn.Embedding(vectors.shape[0], vectors.shape[1], padding_idx=0, _weight=vectors)
        if vectors is not None:
            wider = nn.Linear(network.classifier.in_features + vectors.shape[1], len(tag_set.names))
            nn.init.normal_(wider.weight, std=getattr(network.config, "initializer_range", 0.02))
            nn.init.zeros_(wider.bias)
            network.classifier = wider

    def embed(self, pieces: Tensor) -> Tensor:
        """Word embeddings [B, L, E] of pieces [B, L], before positions and normalization."""
        embeddings: Tensor = self.network.get_input_embeddings()(pieces)
        return embeddings

    def emissions(self, embeddings: Tensor, batch: Batch) -> Tensor:
        """Scores [N, T] in float32 of the labelled units of a batch, from embeddings [B, L, E]."""
        hidden = self.network.base_model(inputs_embeds=embeddings, attention_mask=batch.mask.long()).last_hidden_state
        hidden = hidden.flatten(0, 1)[batch.heads]
        if batch.sizes is not None:
            hidden = mean_by_unit(hidden, batch.sizes)
        for part in ("head", "vectors", "dropout", "drop"):
            if part == "vectors":
                if self.vectors is not None:
                    hidden = torch.cat([hidden, self.vectors(batch.vectors).to(hidden.dtype)], 1)
            elif isinstance(layer := getattr(self.network, part, None), nn.Module):
                hidden = layer(hidden)
        scores: Tensor = self.network.classifier(hidden)
        return scores.float()


def mean_by_unit(values: Tensor, sizes: Tensor) -> Tensor:
    """Means [N, D] of values [H, D] over units that have sizes [N] of them each, in order, summing to H; in the values' type."""
    units = torch.repeat_interleave(torch.arange(len(sizes), device=sizes.device), sizes, output_size=len(values))
    sums = torch.zeros(len(sizes), values.shape[1], device=values.device).index_add(0, units, values.float())
    return (sums / sizes[:, None]).to(values.dtype)


def freeze(network: Any, layers: int) -> None:
    """Stop training the embeddings and the first `layers` layers of the encoder."""
    base = network.base_model
    owners = (base, getattr(base, "encoder", None))
    stack = next((found for owner in owners for name in ("layer", "layers") if (found := getattr(owner, name, None))), ())
    if layers > len(stack):
        raise RecipeError(f"expected at most {len(stack)} frozen_layers for a {type(network).__name__}, got {layers}; set it in the recipe")
    for module in (base.embeddings, *stack[:layers]):
        module.requires_grad_(False)


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A trained tagger as `load_run` finds it."""

    tagger: Tagger
    encoder: Encoder


def new_tagger(
    encoder_folder: Path,
    tag_set: TagSet,
    *,
    crf: bool,
    dropout: float | None = None,
    attention_dropout: float | None = None,
    vectors: Tensor | None = None,
    constrained: bool = False,
) -> Tagger:
    """A tagger with the encoder's weights and a new head, initialised from torch's random state.

    A `classifier` that comes along, as in a checkpoint that somebody fine-tuned, is left out, which is said; the same random state
    gives the same head with and without it.

    Args:
        dropout: probability before the head, None for the encoder's own.
        attention_dropout: probability on attention weights, None for the encoder's own. Anything
            but 0 keeps torch from its fused attention on processors.
        vectors: [V, D] of word vectors, row 0 for unknown words; None without.
        constrained: whether only tag sequences that the scheme allows are predicted.

    Raises:
        BionerError: weights of the encoder are missing or have other shapes than config.json says, or it cannot be loaded at all.
        RecipeError: a dropout that the network has no place for.
    """
    config = load_config(encoder_folder)
    config.id2label = dict(enumerate(tag_set.names))
    config.label2id = {name: index for index, name in enumerate(tag_set.names)}
    if dropout is not None:
        config.classifier_dropout = config.classifier_dropout_prob = dropout
    if attention_dropout is not None:
        config.attention_probs_dropout_prob = config.attention_dropout = attention_dropout
    options = {"output_loading_info": True, "ignore_mismatched_sizes": True}  # the head of a fine-tuned encoder has other labels
    network, report = load_network(encoder_folder, config=config, dtype=torch.float32, **options)
    missing, reshaped = set(report["missing_keys"]), {name for name, *_ in report["mismatched_keys"]}
    if unfit := sorted(name for name in missing | reshaped if name.startswith(f"{network.base_model_prefix}.")):
        raise BionerError(
            f"{encoder_folder}: expected weights for all of the encoder, found none or such of other shapes for {len(unfit)} tensors "
            f"({', '.join(unfit[:NAMED])}{', ...' * (len(unfit) > NAMED)}); "
            "the weights are of another architecture than config.json says: fetch the encoder again, or use another"
        )
    if HEAD not in missing:
        say(f"{encoder_folder}: the checkpoint's own head is left out; a new one is trained")
        if HEAD not in reshaped:  # what has another shape was initialised while the rest was loaded
            _renew_head(network)
    if dropout is not None:
        _set_dropout(network, dropout)
    return Tagger(network, tag_set, crf=crf, vectors=vectors, constrained=constrained)


def _renew_head(network: Any) -> None:
    """Initialise a head that was loaded, from torch's random state, as transformers does with one that was not."""
    head = network.classifier
    for name, parameter in list(head.named_parameters()):
        setattr(head, name, nn.Parameter(torch.empty_like(parameter)))  # what was loaded is marked, and would stay
    for module in (head, network):  # ModernBERT's comes with the whole network
        network._init_weights(module)


def _set_dropout(network: Any, rate: float) -> None:
    """Set the dropout before the head; some families take it from the rate of their hidden states, whatever else the config says."""
    encoder = set(network.base_model.modules())
    layers = [module for module in network.modules() if isinstance(module, nn.Dropout) and module not in encoder]
    if not layers:
        raise RecipeError(f"expected dropout before the head of a {type(network).__name__}, found none; set dropout: null in the recipe")
    for layer in layers:
        layer.p = rate


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of an encoder or run folder; a vocabulary that loaded wrong is an error."""
    return read_tokenizer(folder, load_config(folder).vocab_size)


def make_encoder(
    tokenizer: Any, tag_set: TagSet, recipe: dict[str, Any], config: Any, vocabulary: Mapping[str, int] | None = None
) -> Encoder:
    """The encoder of documents for a recipe.

    Raises:
        RecipeError: the window exceeds the model's positions, or has no room for the overlap.
    """
    limit = getattr(config, "max_position_embeddings", recipe["window"])
    if config.model_type in ("roberta", "xlm-roberta", "camembert"):
        limit -= config.pad_token_id + 1  # their positions begin after the padding's
    if recipe["window"] > limit:
        raise RecipeError(
            f"expected window of at most {limit} pieces, the encoder's positions; recipe {recipe['model']} has {recipe['window']}"
        )
    alignment = recipe.get("alignment", "first")
    return Encoder(tokenizer, tag_set, window=recipe["window"], overlap=recipe["overlap"], alignment=alignment, vocabulary=vocabulary)


def save_tagger(folder: Path, tagger: Tagger, tokenizer: Any, recipe: dict[str, Any], vocabulary: Mapping[str, int] | None = None) -> None:
    """Write config.json, model.safetensors and tokenizer files; the CRF's tensors begin with `crf.`, word vectors with `vectors.`.

    The words of word vectors are in words.txt, one a line, that of row 1 first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = tagger.network.config
    config.architectures = [type(tagger.network).__name__]
    config.bioner = {"head": "crf" if tagger.crf else "linear", "types": list(tagger.tag_set.types), "recipe": recipe}
    with saving(folder):
        config.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tagger.network.state_dict().items()}
    if tagger.crf is not None:
        tensors |= {f"crf.{name}": tensor.detach().cpu() for name, tensor in tagger.crf.state_dict().items()}
    if tagger.vectors is not None:
        assert vocabulary is not None
        tensors |= {f"vectors.{name}": tensor.detach().cpu() for name, tensor in tagger.vectors.state_dict().items()}
        write_text(folder / WORDS, "".join(f"{word}\n" for word in sorted(vocabulary, key=vocabulary.__getitem__)))
    with atomic_path(folder / WEIGHTS) as path, saving(folder / WEIGHTS):
        save_file(tensors, path, metadata={"format": "pt"})


def load_run(folder: Path) -> LoadedRun:
    """Load a trained tagger from its folder, in evaluation mode, on the CPU, in float32."""
    if not (folder / WEIGHTS).is_file():
        raise BionerError(f"{folder / WEIGHTS}: expected the weights of a run, found none; run the rule train")
    config = load_config(folder)
    settings = getattr(config, "bioner", None)
    if not settings:
        raise BionerError(f"{folder / 'config.json'}: expected a key 'bioner', found none; this is not a run of bioner")
    tag_set = TagSet(tuple(settings["types"]), settings["recipe"].get("tags", "iob2"))
    tensors = load_file(folder / WEIGHTS)
    crf = {name.removeprefix("crf."): tensors.pop(name) for name in list(tensors) if name.startswith("crf.")}
    vectors = tensors.pop("vectors.weight", None)
    with no_init_weights():  # they are all loaded next
        network = AutoModelForTokenClassification.from_config(config)
    tagger = Tagger(
        network, tag_set, crf=settings["head"] == "crf", vectors=vectors, constrained=settings["recipe"].get("constrained", False)
    )
    network.load_state_dict(tensors)
    if tagger.crf is not None:
        tagger.crf.load_state_dict(crf)
    vocabulary = None if vectors is None else read_vocabulary(folder / WORDS)
    encoder = make_encoder(load_tokenizer(folder), tag_set, settings["recipe"], config, vocabulary)
    return LoadedRun(tagger.float().eval(), encoder)
