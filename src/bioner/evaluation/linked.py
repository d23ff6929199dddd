"""What linking is worth: the links of mentions against the concepts that a corpus was annotated with, where these map.

A gold mention *maps* on level `term` when each of its concepts (MeSH, OMIM, UMLS) is a cross-reference of some term of the
ontology, and on level `icd10cm` when each of them is one of terms that have codes. Its link is *right* on
level `term` when the linked term has all of its concepts as cross-references, and on level `icd10cm` when the
linked term has codes, each of which is a code of some term with one of its concepts. So a mention that was annotated with
several concepts (`breast and ovarian cancer`) counts as right only when one term stands for all of them.

precision = right / given, recall = right / mapped, where `given` are the links given to mentions that are judged. Of gold
mentions all that map are judged. Of predicted ones those that are exactly a gold mention that maps, and those
that are no gold mention at all, which are wrong if they were linked: a link for a span that nobody annotated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bioner.entities import NO_CONCEPT, Document, Mention
from bioner.evaluation.columns import LINKS
from bioner.evaluation.linking import AMBIGUOUS, LINKED, UNKNOWN, Link, codes
from bioner.evaluation.ontology import Ontology, identifier
from bioner.evaluation.ratios import Counts
from bioner.evaluation.strict import pair_documents

LEVELS = ("term", "icd10cm")

Links = Mapping[str, Mapping[str, Link]]
"""By document id, then by mention id."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A mention's link, None where a gold mention was not predicted; and its gold concepts, None where no gold mention is."""

    link: Link | None
    concepts: tuple[str, ...] | None


def linking_rows(
    ontology: Ontology, gold: Sequence[Document], linked: Mapping[str, tuple[Sequence[Document], Links]], types: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Rows of `LINKS` for each kind of mentions and level; ratios in [0, 1], None where there is nothing to count.

    Args:
        gold: documents with concepts.
        linked: by kind of mentions ("gold", or what predictions are called): the documents whose mentions were linked, and the links.
        types: of the mentions that are linked.

    Raises:
        BionerError: documents do not correspond.
    """
    for kind, (documents, links) in linked.items():
        judged = list(_judged(gold, documents, links, types))
        for level in LEVELS:
            yield {"mentions": kind, "level": level} | _row(ontology, judged, level)


def _judged(gold: Sequence[Document], documents: Sequence[Document], links: Links, types: Sequence[str]) -> Iterator[_Judged]:
    """Every mention that was linked, then every gold mention without a mention of the same spans and type."""
    for expected, given in pair_documents(gold, documents):
        concepts = {(mention.spans, mention.type): _concepts(mention) for mention in expected.mentions if mention.type in types}
        left = dict(concepts)
        for mention in given.mentions:
            if mention.type in types:
                left.pop((mention.spans, mention.type), None)
                yield _Judged(links[given.id][mention.id], concepts.get((mention.spans, mention.type)))
        yield from (_Judged(None, found) for found in left.values())


def _concepts(mention: Mention) -> tuple[str, ...]:
    return tuple(sorted({identifier(concept) for concept in mention.concepts if concept not in NO_CONCEPT}))


def _row(ontology: Ontology, judged: Iterable[_Judged], level: str) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    for one in judged:
        gold = _holders(ontology, one.concepts or (), level)
        counts["with_concepts"] += bool(one.concepts)
        counts["mapped"] += bool(gold)
        if one.link is None:
            continue
        counts["number"] += 1
        counts["ambiguous"] += one.link.status == AMBIGUOUS
        counts["unknown"] += one.link.status == UNKNOWN
        coded = bool(one.link.term) and bool(codes(ontology, one.link.terms))
        counts["uncoded"] += one.link.status == LINKED and not coded
        # what was annotated with no concept that maps cannot be judged; what was not annotated at all is wrong
        if (one.concepts is None or gold) and one.link.term and (level == "term" or coded):
            counts["given"] += 1
            counts["right"] += bool(gold) and _is_right(ontology, one.link.term, gold, level)
    worth = Counts(counts["mapped"], counts["given"], counts["right"])
    ratios = {"precision": worth.precision(), "recall": worth.recall(), "f1": worth.f1()}
    return {name: counts[name] for name in LINKS[2:] if name not in ratios} | ratios


def _holders(ontology: Ontology, concepts: Iterable[str], level: str) -> list[frozenset[str]]:
    """For each concept the terms that refer to it, on level `icd10cm` those of them with codes; nothing unless each has some."""
    found = [ontology.by_xref.get(concept, frozenset()) for concept in concepts]
    if level == "icd10cm":
        found = [frozenset(term for term in terms if codes(ontology, [term])) for terms in found]
    return found if all(found) else []


def _is_right(ontology: Ontology, term: str, gold: Sequence[frozenset[str]], level: str) -> bool:
    if level == "term":
        return all(term in terms for terms in gold)
    given = set(codes(ontology, [term]))
    return all(given <= set(codes(ontology, sorted(terms))) for terms in gold)
