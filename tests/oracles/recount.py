"""Every definition of the metric, counted again without any of bioner's code: slowly, one mention, word or sentence at a time.

`brute` follows docs/metrics.md by sets of characters, for any mentions; `by_seqeval`, `by_nervaluate` and `by_scikit_learn` ask
the packages, for mentions that IOB2 tags can say (nervaluate: contiguous ones). All give {(definition, average, type, metric): value}.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from nervaluate.evaluator import Evaluator
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

Cells = dict[tuple[str, str, str, str], float | None]
METRICS = ("precision", "recall", "f1")


def by_seqeval(gold: list[list[str]], predicted: list[list[str]]) -> Cells:
    """`strict` by seqeval's strict mode, `seqeval` by its default, on tags of words."""
    cells: Cells = {}
    for definition, options in (("strict", {"mode": "strict", "scheme": IOB2}), ("seqeval", {})):
        report = classification_report(gold, predicted, output_dict=True, zero_division=0, **options)
        for name, line in report.items():
            kind, average = ("", name.removesuffix(" avg")) if name.endswith(" avg") else (name, "type")
            for metric, key in zip(METRICS, ("precision", "recall", "f1-score"), strict=True):
                cells[definition, average, kind, metric] = float(line[key])
            if average in ("micro", "type"):
                cells[definition, average, kind, "gold"] = float(line["support"])
    return cells


def by_nervaluate(gold: list[Any], predicted: list[Any], *, spans: bool) -> Cells:
    """`partial` and `ent_type`, and `span` where no two mentions share their spans; each mention once, in reading order."""

    def entities(documents: list[Any]) -> list[list[dict[str, Any]]]:
        sets = [sorted({(m.start, m.end, m.type) for m in d.mentions}) for d in documents]
        return [[{"label": kind, "start": start, "end": end - 1} for start, end, kind in mentions] for mentions in sets]

    types = sorted({m.type for side in (gold, predicted) for d in side for m in d.mentions})
    found = Evaluator(entities(gold), entities(predicted), types, loader="dict").evaluate()
    names = {"partial": "partial", "ent_type": "ent_type"} | ({"exact": "span"} if spans else {})
    cells: Cells = {}
    for theirs, ours in names.items():
        results = {("micro", ""): found["overall"][theirs]}
        if ours != "span":
            results |= {("type", kind): result[theirs] for kind, result in found["entities"].items()}
        for (average, kind), result in results.items():
            cells |= {(ours, average, kind, metric): getattr(result, metric) for metric in METRICS}
    return cells


def by_scikit_learn(gold: list[list[str]], predicted: list[list[str]]) -> Cells:
    """Definitions over words, on their tags."""
    ours, theirs = ([tag for tags in side for tag in tags] for side in (gold, predicted))
    inside = sorted(set(ours + theirs) - {"O"})
    kinds = sorted({tag[2:] for tag in inside})
    bare = [[tag[2:] or "O" for tag in side] for side in (ours, theirs)]
    within = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != "O"]
    cells: Cells = {
        ("token_accuracy", "micro", "", "accuracy"): accuracy_score(ours, theirs),
        ("entity_token_accuracy", "micro", "", "accuracy"): accuracy_score([a for a, _ in within], [b for _, b in within]),
    }
    for average in ("micro", "macro", "weighted"):
        cells[f"token_{average}_f1", average, "", "f1"] = f1_score(ours, theirs, average=average)
        of_types = precision_recall_fscore_support(*bare, labels=kinds, average=average, zero_division=0)
        cells |= _three("token_type_f1", average, "", of_types)
    cells |= _three("token_f1", "micro", "", precision_recall_fscore_support(ours, theirs, labels=inside, average="micro", zero_division=0))
    for kind in kinds:
        labels = [f"B-{kind}", f"I-{kind}"]
        cells |= _three(
            "token_f1", "type", kind, precision_recall_fscore_support(ours, theirs, labels=labels, average="micro", zero_division=0)
        )
        cells |= _three(
            "token_type_f1", "type", kind, precision_recall_fscore_support(*bare, labels=[kind], average="micro", zero_division=0)
        )
    present = [[tag != "O" for tag in side] for side in (ours, theirs)]
    return cells | _three("token_entity_f1", "micro", "", precision_recall_fscore_support(*present, average="binary", zero_division=0))


def _three(definition: str, average: str, kind: str, values: Any) -> Cells:
    return {(definition, average, kind, metric): float(value) for metric, value in zip(METRICS, values, strict=False)}


def brute(gold: list[Any], predicted: list[Any], sentences: Any) -> Cells:
    """Definitions over mentions, sentences and documents, and the ceiling; `sentences` gives the spans of a document's sentences."""
    pairs = [(_distinct(g), _distinct(p)) for g, p in zip(gold, predicted, strict=True)]
    kinds = sorted({m.type for ours, theirs in pairs for m in (*ours, *theirs)})
    by_type = {
        kind: [([m for m in ours if m.type == kind], [m for m in theirs if m.type == kind]) for ours, theirs in pairs] for kind in kinds
    }
    cells: Cells = {}
    for definition, count in (("strict", _strict), ("partial", _partial), ("ent_type", _ent_type), ("type_overlap", _type_overlap)):
        per_type = {kind: count(by_type[kind]) for kind in kinds}
        for kind, counts in per_type.items():
            cells |= _prf(definition, "type", kind, counts)
        cells |= _prf(definition, "micro", "", count(pairs))
        cells |= _averages(definition, per_type)
    cells |= _prf("span", "micro", "", _spans(pairs)) | _prf("overlap", "micro", "", _overlap(pairs))
    cells |= _accuracies(pairs, by_type, gold, sentences)
    return cells | _ceiling(gold, pairs)


def _key(mention: Any) -> tuple[Any, ...]:
    return mention.start, mention.end, mention.spans if len(mention.spans) > 1 else (), mention.type


def _distinct(document: Any) -> list[Any]:
    return [mention for _, mention in sorted({_key(m): m for m in document.mentions}.items())]


def _letters(mention: Any) -> set[int]:
    return {i for start, end in mention.spans for i in range(start, end)}


def _strict(pairs: Any) -> tuple[float, float, float, float]:
    sides = [({(m.spans, m.type) for m in ours}, {(m.spans, m.type) for m in theirs}) for ours, theirs in pairs]
    right = sum(len(a & b) for a, b in sides)
    return sum(len(a) for a, _ in sides), sum(len(b) for _, b in sides), right, right


def _spans(pairs: Any) -> tuple[float, float, float, float]:
    sides = [({m.spans for m in ours}, {m.spans for m in theirs}) for ours, theirs in pairs]
    right = sum(len(a & b) for a, b in sides)
    return sum(len(a) for a, _ in sides), sum(len(b) for _, b in sides), right, right


def _sizes(pairs: Any) -> tuple[int, int]:
    return sum(len(ours) for ours, _ in pairs), sum(len(theirs) for _, theirs in pairs)


def _partial(pairs: Any) -> tuple[float, float, float, float]:
    credit = 0.0
    for ours, theirs in pairs:
        free = list(ours)
        for mention in theirs:
            exact = [other for other in free if other.spans == mention.spans]
            near = [other for other in free if len(_letters(other) & _letters(mention)) * 100 >= len(_letters(other))]
            if exact or near:
                credit += 1.0 if exact else 0.5
                free.remove((exact or near)[0])
    return *_sizes(pairs), credit, credit


def _ent_type(pairs: Any) -> tuple[float, float, float, float]:
    credit = 0
    for ours, theirs in pairs:
        free = list(ours)
        for mention in theirs:
            near = [other for other in free if len(_letters(other) & _letters(mention)) * 100 >= len(_letters(other))]
            same = [other for other in near if other.type == mention.type]
            if same:
                credit += 1
                free.remove(min(same, key=lambda other: abs(other.start - mention.start) + abs(other.end - mention.end)))
            elif near:
                free.remove(near[0])
    return *_sizes(pairs), credit, credit


def _overlap(pairs: Any, typed: bool = False) -> tuple[float, float, float, float]:
    found = right = 0
    for ours, theirs in pairs:
        meets = [(a, b) for a in ours for b in theirs if _letters(a) & _letters(b) and (a.type == b.type or not typed)]
        found += len({_key(a) for a, _ in meets})
        right += len({_key(b) for _, b in meets})
    return *_sizes(pairs), right, found


def _type_overlap(pairs: Any) -> tuple[float, float, float, float]:
    return _overlap(pairs, typed=True)


def _ratios(counts: tuple[float, float, float, float]) -> tuple[float, float, float]:
    gold, predicted, right, found = counts
    precision, recall = right / predicted if predicted else 0.0, found / gold if gold else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _prf(definition: str, average: str, kind: str, counts: tuple[float, float, float, float]) -> Cells:
    values = _three(definition, average, kind, _ratios(counts)) if counts[0] + counts[1] else {}
    return values | {(definition, average, kind, "gold"): counts[0], (definition, average, kind, "predicted"): counts[1]}


def _averages(definition: str, per_type: dict[str, tuple[float, float, float, float]]) -> Cells:
    present = [(counts[0], _ratios(counts)) for counts in per_type.values() if counts[0]]
    number, gold = len(present), sum(size for size, _ in present)
    if not present:
        return {}
    macro = [sum(values[i] for _, values in present) / number for i in range(3)]
    weighted = [sum(size * values[i] for size, values in present) / gold for i in range(3)]
    return _three(definition, "macro", "", macro) | _three(definition, "weighted", "", weighted)


def _accuracies(pairs: Any, by_type: dict[str, Any], gold: list[Any], sentences: Any) -> Cells:
    cells: Cells = {}
    for kind, own in {"": pairs, **by_type}.items():
        wanted, given, right, _ = _strict(own)
        average = "type" if kind else "micro"
        if wanted + given:
            cells["jaccard", average, kind, "accuracy"] = right / (wanted + given - right)
            cells["exact_recall", average, kind, "accuracy"] = right / wanted if wanted else 0.0
    found = [m for ours, theirs in pairs for m in ours if any(m.spans == other.spans for other in theirs)]
    wanted, given, right, _ = _strict(pairs)
    if wanted + given:
        cells["type_accuracy", "micro", "", "accuracy"] = right / len(found) if found else 0.0
    exact = [{(m.spans, m.type) for m in ours} == {(m.spans, m.type) for m in theirs} for ours, theirs in pairs]
    cells["document_exact_match", "micro", "", "accuracy"] = sum(exact) / len(exact)
    return cells | _sentences(pairs, gold, sentences)


def _sentences(pairs: Any, gold: list[Any], sentences: Any) -> Cells:
    right: dict[bool, list[bool]] = defaultdict(list)
    for document, (ours, theirs) in zip(gold, pairs, strict=True):
        starts = [0, *(start for start, _ in sentences(document)[1:])] if document.text else []
        for start, end in zip(starts, [*starts[1:], len(document.text) + 1], strict=False):
            sides = [{(m.spans, m.type) for m in side if start <= m.start < end} for side in (ours, theirs)]
            right[bool(sides[0])].append(sides[0] == sides[1])
    cells: Cells = {}
    for definition, among in (("sentence_exact_match", [*right[False], *right[True]]), ("sentence_exact_match_gold", right[True])):
        if among:
            cells[definition, "micro", "", "accuracy"] = sum(among) / len(among)
    return cells


def _ceiling(gold: list[Any], pairs: Any) -> Cells:
    """A mention can be said where its one span is of whole words and no longer mention (of equals, no earlier one) has any of them."""
    total = said = 0
    for document, (ours, _) in zip(gold, pairs, strict=True):
        words = [match.span() for match in re.finditer(r"[^\W_]+|[^\w\s]|_", document.text)]
        taken: set[int] = set()
        for mention in sorted(ours, key=lambda m: (m.start - m.end, m.start, m.type)):
            own = {i for i, (start, end) in enumerate(words) if start < mention.end and mention.start < end}
            if own and not own & taken:
                taken |= own
                edges = words[min(own)][0], words[max(own)][1]
                said += len(mention.spans) == 1 and edges == (mention.start, mention.end)
        total += len(ours)
    return {("ceiling", "micro", "", "recall"): said / total} if total else {}
