"""Small taggers under attack: encoders of the fixtures with a batch of two texts, and one linear layer whose gradients are known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bioner.entities import Document, Mention
from bioner.tagging.adversaries import Adversary
from bioner.tagging.batches import Batch, collate
from bioner.tagging.losses import CrossEntropy
from bioner.tagging.steps import accumulate_gradients
from bioner.tagging.tagger import Tagger, load_tokenizer, make_encoder, new_tagger
from bioner.tags import TagSet

TAGS = TagSet.of(["Disease"])
TEXTS = ["severe pain in patients", "the drug caused colitis in the patients with severe pain"]
KINDS: dict[str, dict[str, Any]] = {
    "fgsm": {"kind": "fgsm", "epsilon": 0.1},
    "fgm": {"kind": "fgm", "epsilon": 0.7},
    "pgd": {"kind": "pgd", "epsilon": 0.1, "steps": 3, "step_size": 0.06},
    "pgd_l2": {"kind": "pgd", "epsilon": 0.7, "steps": 3, "step_size": 0.4, "norm": "l2"},
    "freelb": {"kind": "freelb", "epsilon": 0.7, "steps": 3, "step_size": 0.5, "start": 0.3},
    "smart": {"kind": "smart", "epsilon": 0.1, "steps": 1, "step_size": 0.1, "start": 0.01, "weight": 2.0},
}
"""Settings that move the fixtures' embeddings (coordinates of about 0.02) far."""


def adversary(kind: str, **changes: Any) -> Adversary:
    return Adversary.of(KINDS[kind] | changes)


def setup(folder: Path, *, dropout: bool = False, crf: bool = False) -> tuple[Tagger, Batch]:
    """A tagger with a new head, in training mode if its dropout is wanted, and a batch with a window of each text."""
    torch.set_num_threads(1)  # matrices of this size take longest to hand out
    torch.manual_seed(0)
    tagger = new_tagger(folder, TAGS, crf=crf)
    tagger.train(dropout)
    return tagger, batch_of(tagger, folder, TEXTS)


def batch_of(tagger: Tagger, folder: Path, texts: list[str]) -> Batch:
    encoder = make_encoder(load_tokenizer(folder), TAGS, {"window": 32, "overlap": 4, "model": "toy"}, tagger.network.config)
    documents = [Document(str(number), text, (Mention("1", ((0, 6),), "Disease"),)) for number, text in enumerate(texts)]
    windows = [window for item in encoder.encode(documents) for window in item.windows]
    return collate(windows, encoder.tokenizer.pad_token_id, (len(encoder.prefix), len(encoder.suffix)))


def step(tagger: Any, batch: Any, adversary: Adversary, seed: int = 0, **changes: Any) -> dict[str, float]:
    settings: dict[str, Any] = {"objective": CrossEntropy(), "precision": nullcontext} | changes
    return accumulate_gradients(tagger, adversary=adversary, batch=batch, seed=seed, **settings)


def gradients(tagger: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.grad.clone() for name, parameter in tagger.named_parameters() if parameter.grad is not None}


def assert_equal_gradients(found: dict[str, Tensor], expected: dict[str, Tensor], *, atol: float = 1e-6, rtol: float = 1e-4) -> None:
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=atol, rtol=rtol, msg=lambda text, name=name: f"{name}: {text}")


@contextmanager
def watched(tagger: Tagger) -> Iterator[list[Tensor]]:
    """The word embeddings [B, L, E] that the encoder is given, pass by pass."""
    passes: list[Tensor] = []

    def record(_module: Any, _inputs: Any, settings: dict[str, Any]) -> None:
        passes.append(settings["inputs_embeds"].detach().clone())

    hook = tagger.network.base_model.register_forward_pre_hook(record, with_kwargs=True)
    yield passes
    hook.remove()


def perturbation(tagger: Tagger, batch: Batch, adversary: Adversary, seed: int = 0, **changes: Any) -> Tensor:
    """What a step adds to the word embeddings in its last pass [B, L, E]."""
    with watched(tagger) as passes:
        step(tagger, batch, adversary, seed, **changes)
    return passes[-1] - tagger.embed(batch.pieces).detach()


class LinearTagger(nn.Module):
    """Emissions W e + b of each free piece: with cross-entropy the gradient at e is W^T (softmax - one-hot) / words."""

    def __init__(self, vocabulary: int = 12, width: int = 5, tags: int = 3) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.table = nn.Embedding(vocabulary, width)
        self.classifier = nn.Linear(width, tags)
        self.crf = None
        self.passes: list[Tensor] = []

    def embed(self, pieces: Tensor) -> Tensor:
        found: Tensor = self.table(pieces)
        return found

    def emissions(self, embeddings: Tensor, batch: Any) -> Tensor:
        self.passes.append(embeddings.detach().clone())
        scores: Tensor = self.classifier(embeddings[batch.free])
        return scores


def linear_batch() -> Any:
    """Two examples of six positions, of which four and two are free; padding and special tokens around."""
    pieces = torch.tensor([[1, 4, 5, 4, 6, 2], [1, 7, 4, 2, 0, 0]])
    free = torch.tensor([[False, True, True, True, True, False], [False, True, True, False, False, False]])
    windows = [SimpleNamespace(name=str(row), pieces=np.array(ids[: 6 - 2 * row])) for row, ids in enumerate(pieces.tolist())]
    tags = torch.tensor([0, 1, 2, 0, 1, 1])
    return SimpleNamespace(pieces=pieces, mask=pieces != 0, free=free, tags=tags, lengths=torch.tensor([4, 2]), windows=windows)


def linear_gradient(tagger: LinearTagger, batch: Any, embeddings: Tensor) -> Tensor:
    """The gradient [B, L, E] of the mean cross-entropy at embeddings, in closed form and float64."""
    weight, bias = tagger.classifier.weight.detach().double(), tagger.classifier.bias.detach().double()
    scores = embeddings[batch.free].double() @ weight.T + bias
    errors = (scores.softmax(1) - torch.eye(len(bias), dtype=torch.float64)[batch.tags]) / len(batch.tags)
    gradient = torch.zeros(embeddings.shape, dtype=torch.float64)
    gradient[batch.free] = errors @ weight
    return gradient
