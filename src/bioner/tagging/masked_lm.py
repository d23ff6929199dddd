"""Masked language models: an encoder with the head that guesses masked pieces, loaded and saved as transformers does."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForMaskedLM

from bioner.commandline import say
from bioner.errors import BionerError
from bioner.storage import sha256_file, write_json
from bioner.tagging.loading import load_config, load_network
from bioner.tagging.manifest import CONFIG, TOKENIZER_FILES, WEIGHT_FILES
from bioner.tagging.saving import saving

WEIGHTS = "model.safetensors"


def load_masked_lm(folder: Path, *, attention_dropout: float | None) -> Any:
    """A fetched encoder with its masked-language-model head, in float32; a head that the encoder comes without is new, and said so.

    A new head starts from torch's random state; its output matrix is the encoder's word embeddings where the configuration ties them.

    Raises:
        BionerError: the family has no such head, weights of the encoder itself are missing, or it is ELECTRA's discriminator.
    """
    config = load_config(folder)
    if attention_dropout is not None:
        config.attention_probs_dropout_prob = config.attention_dropout = attention_dropout
    options = {"config": config, "dtype": torch.float32, "output_loading_info": True}
    network, report = load_network(folder, kind=AutoModelForMaskedLM, **options)
    missing = sorted(report["missing_keys"])
    encoder = [name for name in missing if name.startswith(f"{network.base_model_prefix}.")]
    if encoder:
        raise BionerError(
            f"{folder}: expected weights for all of the encoder, found none for {len(encoder)} tensors ({encoder[0]}, ...); "
            "the weights are of another architecture than config.json says"
        )
    if missing and config.model_type == "electra":
        raise BionerError(
            f"{folder}: expected an encoder trained by masking, found ELECTRA's discriminator, which never saw a mask; "
            "adapt its generator, or use this encoder without adaptation"
        )
    if missing:
        say(f"{folder}: the encoder comes without a masked-language-model head; a new one is trained ({', '.join(missing)})")
    return network


@contextmanager
def _selected(network: Any, positions: Tensor) -> Any:
    """Let the head see the hidden states at positions only: it multiplies each with the whole vocabulary."""

    def select(_module: Any, _inputs: Any, output: Any) -> Any:
        output.last_hidden_state = output.last_hidden_state.flatten(0, 1)[positions][None]
        return output

    hook = network.base_model.register_forward_hook(select)
    try:
        yield
    finally:
        hook.remove()


def guess(network: Any, pieces: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
    """Scores [M, V] in float32 over the vocabulary for positions [M] in the flattened pieces [B * L].

    Args:
        pieces: [B, L] piece ids, some replaced by the mask.
        mask: [B, L] bool, True on pieces and False on padding.
    """
    with _selected(network, positions):
        scores: Tensor = network(input_ids=pieces, attention_mask=mask.long()).logits
    return scores.flatten(0, 1).float()


def save_encoder(output: Path, network: Any, base: Path, manifest: Mapping[str, Any], source: Mapping[str, Any]) -> None:
    """Lay a trained masked language model into a folder as `fetch_encoder` lays a fetched one.

    Args:
        output: path of the manifest, which is written last; the files are laid beside it.
        base: folder of the encoder that training began with. Its tokenizer files are copied as they are, and its config.json holds
            but for the architecture and the number format.
        manifest: of the base encoder.
        source: what the new manifest says under `source`.
    """
    folder = output.parent
    with saving(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for stale in (output.name, CONFIG, *TOKENIZER_FILES, *WEIGHT_FILES):  # of another encoder: its tokenizer would be loaded too
        (folder / stale).unlink(missing_ok=True)
    copied = [file for file in manifest["files"] if file not in (CONFIG, *WEIGHT_FILES)]
    with saving(folder), tempfile.TemporaryDirectory(prefix=".adapted.", suffix=".partial", dir=folder) as name:
        made = Path(name)
        network.save_pretrained(made)
        config = load_config(base)
        config.architectures, config.dtype = [type(network).__name__], "float32"
        config.save_pretrained(made)
        for file in copied:
            shutil.copyfile(base / file, made / file)
        for file in (CONFIG, WEIGHTS, *copied):
            os.replace(made / file, folder / file)
    files = {file: sha256_file(folder / file) for file in (CONFIG, WEIGHTS, *copied)}
    write_json(output, {"encoder": manifest["encoder"], "source": dict(source), "files": files})
