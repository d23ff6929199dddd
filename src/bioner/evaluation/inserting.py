"""Text that is put between a document's own: a word beside a mention, sentences of other documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from bioner.entities import Document, Mention, Span, sort_mentions
from bioner.evaluation.edits import Edit, Ground
from bioner.evaluation.sources import Sources


def boundary_insertion(document: Document, settings: Mapping[str, Any], _sources: Sources) -> Iterator[tuple[float, Edit]]:
    """One word of `words` directly before or behind each mention, outside of it and of every other mention.

    The words should be such that no annotator would count them in; a border that a letter or digit touches from outside is left alone.
    """
    random = Random(f"{settings['seed']}:boundary_insertion:{document.id}")
    ground = Ground(document)
    text, taken = document.text, set[int]()
    for mention in sort_mentions(document.mentions):
        draw, behind, word = random.random(), random.random() < 0.5, random.choice(settings["words"])
        place = mention.end if behind else mention.start
        joined = text[place : place + 1].isalnum() if behind else place > 0 and text[place - 1].isalnum()
        if not joined and place not in taken and not ground.mentioned((place, place)):
            taken.add(place)
            yield draw, Edit((place, place), f" {word}" if behind else f"{word} ")


def concatenation(document: Document, settings: Mapping[str, Any], sources: Sources) -> Iterator[tuple[float, Edit]]:
    """A sentence of another test document behind each sentence, with the sentence's own gold mentions.

    Sentences that cut a mention are not taken, and none twice; nothing is put inside a mention.
    """
    random = Random(f"{settings['seed']}:concatenation:{document.id}")
    ground, pool, used = Ground(document), sources.whole_sentences, set[int]()
    for _, end in sources.sentences(document):
        draw, first = random.random(), int(random.random() * len(pool))
        places = ((first + step) % len(pool) for step in range(len(pool)))
        place = next((place for place in places if place not in used and pool[place][0].source != document.source), None)
        if place is None or ground.mentioned((end, end)):
            continue
        used.add(place)
        other, span = pool[place]
        yield draw, Edit((end, end), f" {other.text[slice(*span)]}", mentions=_moved(other, span, 1))


def _moved(document: Document, span: Span, place: int) -> tuple[Mention, ...]:
    """The mentions of a sentence in the offsets of a text where it begins at `place`, named after their document."""
    shift = place - span[0]
    return tuple(
        mention._replace(id=f"{document.id}:{mention.id}").at(*((start + shift, end + shift) for start, end in mention.spans))
        for mention in document.mentions
        if span[0] <= mention.start and mention.end <= span[1]
    )
