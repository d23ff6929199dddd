"""A greedy search for edits that make a tagger lose mentions it finds, asking nothing but its predictions.

As in TextFooler (Jin et al. 2020) and SeqAttack (Simoncini and Spanakis 2021): words are ranked by what their deletion does, then tried in
that order, and the edit that hurts most is kept. Documents are searched side by side, so that the victim predicts many variants at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bioner.entities import Document, Span
from bioner.evaluation.attack_settings import complete
from bioner.evaluation.attacks import candidates, refuse_normalized
from bioner.evaluation.edits import Edit, Ground, attacked_document
from bioner.evaluation.sources import Sources
from bioner.rewriting import rewrite

SEARCH_ATTACKS = ("search",)
"""Kinds of attack that query the model; they run inside predict and write the documents that they make."""

Victim = Callable[[Sequence[Document]], Sequence[Document]]
"""Predicts documents in original text: the same documents with predicted mentions, each with a score."""

TOGETHER = 32
"""Documents that are searched side by side."""

_Search = Generator[list[Document], Sequence[Document], tuple[list[Edit], int]]
_Harm = tuple[int, float]
"""Mentions still found, and the sum of their scores: the smaller, the better for the attack."""


def search_attack(documents: Sequence[Document], victim: Victim, name: str, settings: Mapping[str, Any]) -> list[Document]:
    """The documents under the edits that a search found, in order.

    A query is one variant of a document that the victim predicts, the clean document included. With a larger budget of `edits` the
    search goes on where it ended with a smaller one.

    Args:
        documents: test documents as harmonized.
        settings: `kind` and settings of `search` (see `SETTINGS`).

    Raises:
        BionerError: unknown settings, or a normalized document.
    """
    values = complete("search", {key: value for key, value in settings.items() if key != "kind"})
    attacked: list[Document] = []
    for first in range(0, len(documents), TOGETHER):
        part = documents[first : first + TOGETHER]
        for document in part:
            refuse_normalized(document, name)
        found = _side_by_side([_search(document, values) for document in part], victim)
        for document, (edits, queries) in zip(part, found, strict=True):
            attacked.append(attacked_document(document, edits, name, queries=queries))
    return attacked


def _side_by_side(searches: Sequence[_Search], victim: Victim) -> list[tuple[list[Edit], int]]:
    """Run searches to their ends; in each round the victim predicts what all of them ask for."""
    results: dict[int, tuple[list[Edit], int]] = {}
    asked = {number: next(search) for number, search in enumerate(searches)}
    while asked:
        predicted = list(victim([variant for variants in asked.values() for variant in variants]))
        following: dict[int, list[Document]] = {}
        for number, variants in asked.items():
            answer, predicted = predicted[: len(variants)], predicted[len(variants) :]
            try:
                following[number] = searches[number].send(answer)
            except StopIteration as end:
                results[number] = end.value
        asked = following
    return [results[number] for number in range(len(searches))]


def _search(document: Document, settings: Mapping[str, Any]) -> _Search:
    """Ask for predictions of variants, and end with the edits that were found and the number of queries."""
    (clean,) = yield [document]
    right = _found(document, clean)
    queries = 1
    places = _places(document, settings, right) if right else []
    state = _State(document, right)
    if settings["rank"] == "deletion":
        asked = [place for place in places if place.span[0] < place.span[1]][: settings["queries"] // 2]
        answers = (yield [state.variant([place.deletion]) for place in asked]) if asked else []
        queries += len(asked)
        drops = {place.span: state.harm_of([place.deletion], answer) for place, answer in zip(asked, answers, strict=True)}
        places.sort(key=lambda place: drops.get(place.span, state.harm))
    else:
        places.sort(key=lambda place: place.score)
    for place in places:
        options = [edit for edit in place.edits if state.fits(edit)][: settings["queries"] - queries]
        if not state.harm[0] or len(state.edits) == settings["edits"] or queries == settings["queries"]:
            break
        if options:
            answers = yield [state.variant([edit]) for edit in options]
            queries += len(options)
            state.take_best(options, answers)
    return state.edits, queries


class _State:
    """The edits taken so far, and what they have done to the mentions that the victim found in the clean document."""

    def __init__(self, document: Document, right: Mapping[int, float]) -> None:
        self.document, self.right = document, sorted(right)
        self.edits: list[Edit] = []
        self.harm: _Harm = (len(right), sum(right.values()))

    def fits(self, edit: Edit) -> bool:
        """Whether an edit touches none of those taken."""
        return all(edit.span[1] < taken.span[0] or taken.span[1] < edit.span[0] for taken in self.edits)

    def variant(self, more: Sequence[Edit]) -> Document:
        return rewrite(self.document, [(edit.span, edit.text) for edit in sorted([*self.edits, *more], key=lambda edit: edit.span)])

    def harm_of(self, more: Sequence[Edit], predicted: Document) -> _Harm:
        scores = _found(self.variant(more), predicted)
        kept = [scores[index] for index in self.right if index in scores]
        return len(kept), sum(kept)

    def take_best(self, options: Sequence[Edit], answers: Sequence[Document]) -> None:
        """Take the option that does most harm, the first among equals, if it does more than is done."""
        harms = [self.harm_of([edit], answer) for edit, answer in zip(options, answers, strict=True)]
        best = min(range(len(options)), key=harms.__getitem__)
        if harms[best] < self.harm:
            self.edits.append(options[best])
            self.harm = harms[best]


def _found(document: Document, predicted: Document) -> dict[int, float]:
    """The score of each gold mention that is predicted with its spans and type, by its position."""
    scores = {(mention.spans, mention.type): mention.score or 0.0 for mention in predicted.mentions}
    return {
        index: scores[mention.spans, mention.type]
        for index, mention in enumerate(document.mentions)
        if (mention.spans, mention.type) in scores
    }


@dataclass(frozen=True)
class _Place:
    """A word or mark that can be edited, the edits that it can have, and what deletes it; `score` is that of the mention beside it."""

    span: Span
    edits: list[Edit]
    deletion: Edit
    score: float


def _places(document: Document, settings: Mapping[str, Any], right: Mapping[int, float]) -> list[_Place]:
    """Where edits are possible, those nearest to a mention that was found first."""
    options: dict[Span, list[Edit]] = defaultdict(list)
    for kind in settings["moves"]:
        for turn in range(settings["tries"]):
            keys = {"seed": f"{settings['seed']}.{turn}", "target": settings["target"], "minimum_length": settings["minimum_length"]}
            for _, edit in candidates(document, kind, keys | {"form": "upper"}, Sources()):
                if edit not in options[edit.span]:
                    options[edit.span].append(edit)
    ground, mentions = Ground(document), [(document.mentions[index], score) for index, score in right.items()]
    ranked = []
    for span, edits in options.items():
        near = [(max(span[0] - mention.end, mention.start - span[1], 0), score) for mention, score in mentions]
        distance, score = min(near)
        deletion = Edit(span, "x" if ground.mentioned(span) else "")
        ranked.append((distance, span, _Place(span, edits, deletion, score)))
    return [place for *_, place in sorted(ranked, key=lambda item: item[:2])]
