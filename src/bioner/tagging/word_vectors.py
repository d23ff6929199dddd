"""Word vectors (word2vec, Mikolov et al. 2013) of a fold's training text, as AdaBioBERT's code concatenates them to the encoder's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from torch import Tensor

from bioner.entities import Document
from bioner.errors import BionerError
from bioner.storage import sha256_file
from bioner.tagging.refusals import RecipeError
from bioner.words import split_words


def train_word_vectors(documents: Iterable[Document], settings: dict[str, Any], seed: int) -> tuple[dict[str, int], Tensor]:
    """Skip-gram vectors of the lower-case words of documents.

    One thread and a hash of our own, so that the same seed gives the same vectors.

    Args:
        settings: `size`, `epochs`, `context` (words on either side), `minimum` (times that a word must occur), and `file`, null or
            pretrained vectors in word2vec's format (binary when its name ends in .bin), which are where the training begins,
            with their `sha256`.

    Returns:
        Word -> row, from 1 on, most frequent words first; and [V + 1, size] in float32, row 0 zeros for all other words.

    Raises:
        RecipeError: no word occurs often enough, or the file's vectors have another size.
        BionerError: the file is not there, or another one.
    """
    from gensim.models import Word2Vec

    sentences = [[document.text[start:end].lower() for start, end in split_words(document.text)] for document in documents]
    model = Word2Vec(
        vector_size=settings["size"],
        window=settings["context"],
        min_count=settings["minimum"],
        epochs=settings["epochs"],
        sg=1,
        workers=1,
        seed=seed,
        hashfxn=_hash,
    )
    model.build_vocab(sentences)
    if not len(model.wv):
        raise RecipeError(
            f"expected words that occur {settings['minimum']} times in the training part, found none; lower word_vectors.minimum"
        )
    if settings["file"] is not None:
        _begin_at(model, Path(settings["file"]), settings)
    model.train(sentences, total_examples=len(sentences), epochs=settings["epochs"])
    weights = torch.zeros(len(model.wv) + 1, settings["size"])
    weights[1:] = torch.from_numpy(model.wv.vectors)
    return {word: row for row, word in enumerate(model.wv.index_to_key, 1)}, weights


def _begin_at(model: Any, path: Path, settings: dict[str, Any]) -> None:
    """Set the vectors of words that a file of pretrained ones has."""
    from gensim.models import KeyedVectors

    if not path.is_file():
        raise BionerError(f"{path}: expected pretrained word vectors, found no file; correct word_vectors.file")
    if (found := sha256_file(path)) != settings["sha256"]:
        raise BionerError(
            f"{path}: expected sha256 {settings['sha256']}, found {found}; take the same file, or correct word_vectors.sha256"
        )
    try:
        pretrained = KeyedVectors.load_word2vec_format(str(path), binary=path.suffix == ".bin")
    except (ValueError, EOFError) as error:
        raise BionerError(f"{path}: expected vectors in word2vec's format, found something else ({error}); correct word_vectors") from error
    if pretrained.vector_size != settings["size"]:
        raise RecipeError(f"{path}: expected vectors of size {settings['size']}, found {pretrained.vector_size}; correct word_vectors.size")
    for word, row in model.wv.key_to_index.items():
        if word in pretrained:
            model.wv.vectors[row] = pretrained[word]


def _hash(word: str) -> int:
    """Python's own differs between processes."""
    return crc32(word.encode())


def read_vocabulary(path: Path) -> dict[str, int]:
    """Word -> row, from 1 on, of a file with one word a line."""
    if not path.is_file():
        raise BionerError(f"{path}: expected the words of the word vectors, found none; run the rule train again")
    return {word: row for row, word in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], 1)}
