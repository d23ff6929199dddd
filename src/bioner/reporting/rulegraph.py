"""The rule graph that the workflow prints as Graphviz dot, read and laid out in layers.

The layout is Sugiyama's: longest-path layering, barycentre ordering, then places pulled towards
their neighbours. Edges over several layers pass through a way-point in each layer between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bioner.errors import BionerError

QUOTED = r'"(?:[^"\\]|\\.)*"'
STATEMENT = re.compile(rf'(?:{QUOTED}|\[(?:{QUOTED}|[^\]"])*\]|[^;\[\]"])+')
"""What stands between semicolons, those inside quotes and attributes not counted."""
NODE = re.compile(r'^\s*"?(?P<node>[\w.]+)"?\s*\[(?P<attributes>.*)\]\s*;?\s*$')
LABEL = re.compile(r'label\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[\w.]+))')
EDGE = re.compile(r'^\s*"?[\w.]+"?(?:\s*->\s*"?[\w.]+"?)+\s*(?:\[.*\])?\s*;?\s*$')
KEYWORDS = frozenset(("graph", "node", "edge", "digraph", "subgraph"))
ORDERING, STRAIGHTENING = 16, 120
"""Sweeps of either kind; long edges straighten slowly, one layer a sweep."""

Point = tuple[float, float]
Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RuleGraph:
    """Rules by name, sorted, and edges (rule, rule that needs its output), sorted."""

    rules: tuple[str, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where rules stand and edges pass: x in units of one rule's width, y the layer, from 0 at the sources."""

    places: dict[str, Point]
    routes: dict[Edge, list[Point]]


def read_rulegraph(path: str | Path) -> RuleGraph:
    """A rule graph from a dot file. Raises BionerError for a missing file or one without a rule."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BionerError(f"{path}: expected a rule graph in dot, found no file; run snakemake --rulegraph dot") from error
    return parse_dot(text, str(path))


def parse_dot(text: str, name: str = "dot") -> RuleGraph:
    """A rule graph from dot text; headers, graph attributes and lines of other kinds are passed over.

    Raises BionerError naming file and line for an edge to a node that has no label, or a cycle.
    """
    labels: dict[str, str] = {}
    pairs: list[tuple[int, str, str]] = []
    for number, line in _statements(text):
        node = NODE.match(line)
        if EDGE.match(line):
            chain = re.findall(r"[\w.]+", line.split("[")[0])
            pairs.extend((number, left, right) for left, right in pairwise(chain))
        elif node and node["node"] not in KEYWORDS:
            label = LABEL.search(node["attributes"])
            written = (label["quoted"] or label["bare"] or "") if label else ""
            labels[node["node"]] = re.split(r"\\n|\n", written)[0] or node["node"]
    if not labels:
        raise BionerError(f"{name}: expected a rule graph in dot, found no node with a label; run snakemake --rulegraph dot")
    for number, *ends in pairs:
        for end in ends:
            if end not in labels:
                raise BionerError(f"{name}:{number}: expected an edge between labelled nodes, found node {end}; make the file again")
    edges = {(labels[left], labels[right]) for _, left, right in pairs}
    graph = RuleGraph(tuple(sorted(set(labels.values()))), tuple(sorted(edge for edge in edges if edge[0] != edge[1])))
    layer_rules(graph)
    return graph


def format_dot(graph: RuleGraph) -> str:
    """Dot text of a rule graph; the same graph gives the same text."""
    nodes = [f'    {rule}[label = "{rule}"];' for rule in graph.rules]
    edges = [f"    {left} -> {right};" for left, right in graph.edges]
    return "\n".join(["digraph rules {", *nodes, *edges, "}", ""])


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Statements with the numbers of their lines; no statement of a rule graph is longer than a line."""
    for number, line in enumerate(text.splitlines(), 1):
        yield from ((number, statement) for statement in STATEMENT.findall(line))


def layer_rules(graph: RuleGraph) -> dict[str, int]:
    """Layer of each rule: its longest path from a source, sources then moved next to the first rule that needs them.

    Raises BionerError for a graph with a cycle.
    """
    before, after = _neighbours(graph.rules, graph.edges)
    layers: dict[str, int] = {}
    waiting = list(graph.rules)
    while waiting:
        ready = [rule for rule in waiting if all(other in layers for other in before[rule])]
        if not ready:
            raise BionerError(f"rule graph: expected no cycle, found one among {', '.join(waiting)}; make the file again")
        for rule in ready:
            layers[rule] = max((layers[other] + 1 for other in before[rule]), default=0)
        waiting = [rule for rule in waiting if rule not in layers]
    for rule in graph.rules:
        if not before[rule] and after[rule]:
            layers[rule] = min(layers[other] for other in after[rule]) - 1
    return layers


def redundant_edges(graph: RuleGraph) -> set[Edge]:
    """Edges that a longer path implies; a drawing may set them back."""
    _, after = _neighbours(graph.rules, graph.edges)
    reach: dict[str, set[str]] = {}

    def reachable(rule: str) -> set[str]:
        if rule not in reach:
            reach[rule] = set(after[rule]).union(*(reachable(other) for other in after[rule]))
        return reach[rule]

    return {(left, right) for left, right in graph.edges if any(right in reachable(other) for other in after[left] if other != right)}


def lay_out(graph: RuleGraph) -> Layout:
    """Places of rules and routes of edges, the same for the same graph."""
    layers = layer_rules(graph)
    chains = {
        edge: [edge[0], *(f"{edge[0]}->{edge[1]}@{at}" for at in range(layers[edge[0]] + 1, layers[edge[1]])), edge[1]]
        for edge in graph.edges
    }
    for edge, chain in chains.items():
        layers.update({point: layers[edge[0]] + step for step, point in enumerate(chain)})
    links = sorted({pair for chain in chains.values() for pair in pairwise(chain)})
    rows: list[list[str]] = [[] for _ in range(max(layers.values()) + 1)]
    for point in sorted(layers):
        rows[layers[point]].append(point)
    before, after = _neighbours(sorted(layers), links)
    x = _order_and_place(rows, before, after)
    places = {rule: (x[rule], float(layers[rule])) for rule in graph.rules}
    routes = {edge: [(x[point], float(layers[point])) for point in chain] for edge, chain in chains.items()}
    return Layout(places, routes)


def _neighbours(points: Sequence[str], edges: Sequence[Edge]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    before: dict[str, list[str]] = {point: [] for point in points}
    after: dict[str, list[str]] = {point: [] for point in points}
    for left, right in edges:
        before[right].append(left)
        after[left].append(right)
    return before, after


def _order_and_place(rows: list[list[str]], before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, float]:
    """Alternating sweeps: each row is ordered by the mean place of its neighbours, then set as near to these means as its widths allow."""
    x = {point: float(place) for row in rows for place, point in enumerate(row)}
    for sweep in range(ORDERING + STRAIGHTENING):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            wanted = {}
            for point in row:
                near = before[point] if down else after[point]
                if sweep >= ORDERING:  # the order has settled; now straighten, looking both ways
                    near = before[point] + after[point]
                wanted[point] = sum(x[other] for other in near) / len(near) if near else x[point]
            if sweep < ORDERING:
                row.sort(key=lambda point: (wanted[point], point))
            x.update(zip(row, _spread(row, [wanted[point] for point in row]), strict=True))
    return x


def _spread(row: Sequence[str], wanted: Sequence[float]) -> list[float]:
    """Places in the given order, each as near to the wanted one as the widths allow: the mean of a pass from either side."""
    gaps = [_width(left) / 2 + _width(right) / 2 for left, right in pairwise(row)]
    forward, backward = list(wanted), list(wanted)
    for place, gap in enumerate(gaps):
        forward[place + 1] = max(forward[place + 1], forward[place] + gap)
    for place in reversed(range(len(gaps))):
        backward[place] = min(backward[place], backward[place + 1] - gaps[place])
    return [(left + right) / 2 for left, right in zip(forward, backward, strict=True)]


def _width(point: str) -> float:
    return 0.35 if "->" in point else 1.0
