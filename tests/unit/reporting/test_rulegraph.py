"""Reading and laying out the rule graph."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioner.errors import BionerError
from bioner.reporting.dataflow import wing_of
from bioner.reporting.rulegraph import lay_out, layer_rules, parse_dot, read_rulegraph, redundant_edges


def edges_of(needs):
    return sorted((other, rule) for rule, others in needs.items() for other in others)


def test_names_and_edges_of_what_snakemake_prints(make_dot, rule_needs):
    graph = parse_dot(make_dot(rule_needs))
    assert list(graph.edges) == edges_of(rule_needs)
    assert "train" in graph.rules and "graph" not in graph.rules and len(graph.rules) == 20


def test_headers_attributes_chains_and_second_lines_of_labels_are_taken_in_stride():
    text = """Building DAG of jobs...
    strict digraph "x" {
      graph [label="title"]; node [shape=box]
      rankdir=LR;
      // a remark
      "0" [label="b\\nsample: 1", color=red]
      1[label = a]; 2 [ style="dashed", label = "c" ];
      1 -> 0 -> 2 [style=dashed];
      subgraph cluster_x {
      }
    }"""
    graph = parse_dot(text)
    assert graph.rules == ("a", "b", "c")
    assert graph.edges == (("a", "b"), ("b", "c"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("digraph {}", "found no node"),
        ('0[label="a"];\n1 -> 0;', ":2: expected an edge between labelled nodes, found node 1"),
        ('0[label="a"];\n1[label="b"];\n0 -> 1\n1 -> 0', "expected no cycle"),
    ],
)
def test_what_is_no_rule_graph_is_refused(text, message):
    with pytest.raises(BionerError, match=message):
        parse_dot(text)


def test_missing_file(tmp_path):
    with pytest.raises(BionerError, match="found no file"):
        read_rulegraph(tmp_path / "none.dot")


acyclic = st.integers(2, 7).flatmap(
    lambda size: st.sets(st.sampled_from(list(itertools.combinations([f"r{n}" for n in range(size)], 2))), min_size=1).map(
        lambda pairs: {right: sorted(left for left, other in pairs if other == right) for _, right in pairs}
    )
)


@given(acyclic)
def test_edges_point_down_and_boxes_never_meet(make_dot, needs):
    graph = parse_dot(make_dot(needs))
    layers = layer_rules(graph)
    layout = lay_out(graph)
    for left, right in graph.edges:
        assert layers[left] < layers[right]
        assert [y for _, y in layout.routes[left, right]] == [float(y) for y in range(layers[left], layers[right] + 1)]
    for one, two in itertools.combinations(layout.places.values(), 2):
        assert one[1] != two[1] or abs(one[0] - two[0]) > 0.999
    assert layout == lay_out(graph)


@given(acyclic)
def test_redundant_edges_are_those_with_a_longer_path(make_dot, needs):
    """Oracle: all walks, enumerated."""
    edges = edges_of(needs)

    def walks(start, end):
        return [[start]] if start == end else [[start, *rest] for left, right in edges if left == start for rest in walks(right, end)]

    expected = {(left, right) for left, right in edges if any(len(walk) > 2 for walk in walks(left, right))}
    assert redundant_edges(parse_dot(make_dot(needs))) == expected


def test_wings_of_rules():
    assert [wing_of(rule) for rule in ("download", "compose", "train", "score", "table1")] == [
        "corpora",
        "preparation",
        "tagging",
        "evaluation",
        "reporting",
    ]
    assert wing_of("attack_text") == "evaluation" and wing_of("all") is None
