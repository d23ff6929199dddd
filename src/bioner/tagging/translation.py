"""Texts translated there and back by two MarianMT models, from disk only, each document's texts once."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoTokenizer, MarianMTModel, PreTrainedTokenizerFast

from bioner.errors import BionerError
from bioner.provenance import value_digest
from bioner.storage import read_json, write_json
from bioner.tagging.loading import UNREADABLE
from bioner.tagging.manifest import refuse_code, verify_encoder
from bioner.tagging.precision import choose_device, configure_torch

FORMAT = 2
"""Of what is cached; a new one makes everything again."""


def round_trip(*, forward: Path, backward: Path, beams: int, batch: int, cache: Path) -> Callable[[Sequence[str]], list[str | None]]:
    """What translates texts to a pivot language and back; None stands for a text that did not come through as a whole.

    Translations are kept below `cache`, a file for each call, named by texts, weights, settings and
    version of transformers. A call's batches hold its own texts only, so that its result does not
    depend on what was cached before. The models are loaded at the first text that is not cached.

    Args:
        forward, backward: manifests (`encoder.json`) of fetched MarianMT models.
        beams: of the beam search, 1 for greedy.
        batch: texts translated at once.
        cache: a folder; text of the corpus goes there.

    Raises:
        BionerError: beams or a batch below 1; files that are not those of the manifests; models or tokenizers that cannot be loaded.
    """
    for name, value in (("beams", beams), ("batch", batch)):
        if type(value) is not int or value < 1:
            raise BionerError(f"expected `back_translation.{name}` as a whole number from 1 on, got {value!r:.40}; change it in the config")
    folders = [forward.parent, backward.parent]
    files = [verify_encoder(folder)["files"] for folder in folders]
    key = {"format": FORMAT, "files": files, "beams": beams, "batch": batch, "version": version("transformers")}
    translators: list[Marian] = []

    def translate(texts: Sequence[str]) -> list[str | None]:
        path = cache / f"{value_digest([key, list(texts)])}.json"
        if not path.is_file():
            if not translators:
                configure_torch(1)
                translators.extend(Marian(folder, choose_device(), beams=beams, batch=batch) for folder in folders)
            there, back = translators
            write_json(path, back(there(texts)))
        found: list[str | None] = read_json(path)
        return found

    return translate


class Marian:
    """A MarianMT model and its tokenizer."""

    def __init__(self, folder: Path, device: torch.device, *, beams: int, batch: int) -> None:
        refuse_code(folder)
        with _told(folder):
            # transformers makes a network with random weights of another kind's files
            if (kind := AutoConfig.from_pretrained(folder, local_files_only=True).model_type) != "marian":
                raise ValueError(f"model_type {kind}")
            self.tokenizer = load_tokenizer(folder)
            network = MarianMTModel.from_pretrained(folder, local_files_only=True, weights_only=True, dtype=torch.float32)
        self.network = network.eval().to(device)
        self.network.generation_config.max_length = None  # each batch has its own limit
        self.device, self.beams, self.batch = device, beams, batch
        self.longest = int(self.network.config.max_position_embeddings)

    def __call__(self, texts: Sequence[str | None]) -> list[str | None]:
        """The texts in the other language; None stays, and stands for a text or translation longer than the model reads."""
        found: list[str | None] = [None] * len(texts)
        pieces = [[] if text is None else list(self.tokenizer(text)["input_ids"]) for text in texts]
        fitting = [index for index, ids in enumerate(pieces) if 0 < len(ids) <= self.longest]
        fitting.sort(key=lambda index: (len(pieces[index]), index))  # little padding
        for first in range(0, len(fitting), self.batch):
            chosen = fitting[first : first + self.batch]
            for index, text in zip(chosen, self._generate([pieces[index] for index in chosen]), strict=True):
                found[index] = text
        return found

    @torch.inference_mode()
    def _generate(self, pieces: Sequence[list[int]]) -> list[str | None]:
        width = max(map(len, pieces))
        rows = [[*ids, *[self.network.config.pad_token_id] * (width - len(ids))] for ids in pieces]
        mask = [[1] * len(ids) + [0] * (width - len(ids)) for ids in pieces]
        limits = [min(self.longest - 1, 3 * len(ids) + 16) for ids in pieces]  # what becomes three times as long is no translation
        made = self.network.generate(
            input_ids=torch.tensor(rows, device=self.device),  # (texts, pieces)
            attention_mask=torch.tensor(mask, device=self.device),
            num_beams=self.beams,
            do_sample=False,
            max_new_tokens=max(limits),
        )
        # the first piece is the start of decoding
        return [self._read(row[1:].tolist(), limit) for row, limit in zip(made, limits, strict=True)]

    def _read(self, ids: list[int], limit: int) -> str | None:
        """The text of generated pieces; None when they reach the limit, at which the model may be made to end."""
        end = self.network.config.eos_token_id
        if end not in ids[: limit - 1]:
            return None
        text: str = self.tokenizer.decode(ids[: ids.index(end)], skip_special_tokens=True)
        return text.strip() or None


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a MarianMT folder: `tokenizer.json` where there is one, else its two SentencePiece models."""
    if (folder / "tokenizer.json").is_file():
        return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    if (folder / "source.spm").is_file() and importlib.util.find_spec("sentencepiece") is None:
        raise BionerError(f"{folder}/source.spm: expected the package sentencepiece, it is not installed; pip install sentencepiece")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Recommended: pip install sacremoses")
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        found = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
        raise BionerError(
            f"{folder}: expected a MarianMT model that transformers {version('transformers')} can load, found {found}; "
            "check `preparation.back_translation` and the source of that encoder"
        ) from error
