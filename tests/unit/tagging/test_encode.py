"""Documents to windows and back: every word owned once, whatever its length or the tokenizer."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioner.entities import Document, Mention
from bioner.errors import BionerError
from bioner.tagging.encode import ALIGNMENTS, Encoder, window_ranges
from bioner.tagging.tagger import load_tokenizer
from bioner.tags import TagSet, decode
from bioner.words import split_words

TAGS = TagSet.of(["Chemical", "Disease"])


@given(st.lists(st.integers(1, 12), max_size=60), st.integers(4, 20), st.data())
def test_windows_partition_the_words(lengths: list[int], room: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, room - 1))
    starts = [0, *np.cumsum(lengths).tolist()]
    ranges = window_ranges(starts, room, overlap)
    owned = [index for _, (first, last) in ranges for index in range(first, last)]
    assert owned == list(range(len(lengths)))
    for (first, last), (own_first, own_last) in ranges:
        assert first <= own_first <= own_last <= last
        assert starts[last] - starts[first] <= room or last - first == 1


@given(st.lists(st.integers(1, 3), min_size=30, max_size=60))
def test_words_inside_an_overlap_have_context_on_both_sides(lengths: list[int]) -> None:
    starts = [0, *np.cumsum(lengths).tolist()]
    ranges = window_ranges(starts, 30, 12)
    for (window, owned), (following, _) in pairwise(ranges):
        assert starts[window[1]] - starts[owned[1]] >= 3  # pieces after the last owned word
        assert following[0] <= owned[1]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=200), alignment=st.sampled_from(ALIGNMENTS))
def test_every_word_is_read_once(encoder_folder: Path, text: str, alignment: str) -> None:
    encoder = Encoder(load_tokenizer(encoder_folder), TAGS, window=16, overlap=4, alignment=alignment)
    (encoded,) = encoder.encode([Document("d", text)])
    if alignment != "all":
        assert encoded.units == split_words(text)
    covered = [place for start, end in encoded.units for place in range(start, end)]
    assert covered == [place for start, end in split_words(text) for place in range(start, end)]
    owned = [unit for window in encoded.windows for unit in range(*window.owned)]
    assert owned == sorted(set(owned))
    if alignment != "all":  # there, pieces of a word longer than a window are cut off
        assert owned == list(range(len(encoded.units)))
    for window in encoded.windows:
        assert len(window.pieces) <= 16
        assert len(window.sizes) == len(window.tags) == len(window.vectors) == window.owned[1] - window.owned[0]
        assert (window.sizes > 0).all() and window.sizes.sum() == len(window.heads)
        assert (np.diff(window.heads) > 0).all()
        assert len(window.heads) == 0 or (
            window.heads[0] >= len(encoder.prefix) and window.heads[-1] < len(window.pieces) - len(encoder.suffix)
        )


TEXT = "aspirin caused severe colitis"
MENTIONS = (Mention("1", ((0, 7),), "Chemical"), Mention("2", ((15, 29),), "Disease"))
READ = {
    "first": [["as"], ["caused"], ["severe"], ["c"]],
    "last": [["##pirin"], ["caused"], ["severe"], ["##itis"]],
    "mean": [["as", "##pirin"], ["caused"], ["severe"], ["c", "##ol", "##itis"]],
    "all": [["as"], ["##pirin"], ["caused"], ["severe"], ["c"], ["##ol"], ["##itis"]],
}
TAGGED = {
    ("first", "iob2"): "B-Chemical O B-Disease I-Disease",
    ("first", "iobes"): "S-Chemical O B-Disease E-Disease",
    ("all", "iob2"): "B-Chemical I-Chemical O B-Disease I-Disease I-Disease I-Disease",
    ("all", "iobes"): "B-Chemical E-Chemical O B-Disease I-Disease I-Disease E-Disease",
}


@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("scheme", ["iob2", "iobes"])
def test_units_are_read_from_their_pieces_and_tagged(bert: Path, alignment: str, scheme: str) -> None:
    tag_set = TagSet.of(TAGS.types, scheme)
    encoder = Encoder(load_tokenizer(bert), tag_set, window=32, overlap=4, alignment=alignment)
    (encoded,) = encoder.encode([Document("d", TEXT, MENTIONS)])
    (window,) = encoded.windows
    pieces = encoder.tokenizer.convert_ids_to_tokens(window.pieces[window.heads].tolist())
    cuts = np.cumsum(window.sizes)
    assert [pieces[end - size : end] for size, end in zip(window.sizes, cuts, strict=True)] == READ[alignment]
    names = " ".join(tag_set.names[tag] for tag in window.tags)
    assert names == TAGGED["all" if alignment == "all" else "first", scheme]
    assert [(span, kind) for _, span, kind in decode(encoded.tags, encoded.units, tag_set)] == [(m.spans[0], m.type) for m in MENTIONS]
    assert window.pieces[0] == encoder.tokenizer.cls_token_id and window.pieces[-1] == encoder.tokenizer.sep_token_id


@pytest.mark.parametrize(("alignment", "lost"), [("first", ["boundary inside a unit"]), ("all", [])])
def test_a_mention_inside_a_word_is_exact_where_a_piece_begins_or_lost_by_name(bert: Path, alignment: str, lost: list[str]) -> None:
    encoder = Encoder(load_tokenizer(bert), TAGS, window=32, overlap=4, alignment=alignment)
    (encoded,) = encoder.encode([Document("d", TEXT, (Mention("1", ((2, 7),), "Chemical"),))])
    assert [reason for _, reason in encoded.lost] == lost
    assert [span for _, span, _ in decode(encoded.tags, encoded.units, TAGS)] == ([(2, 7)] if not lost else [(0, 7)])


def test_words_know_their_vectors(bert: Path) -> None:
    rows = {"caused": 2, "colitis": 1}
    encoder = Encoder(load_tokenizer(bert), TAGS, window=32, overlap=4, alignment="all", vocabulary=rows)
    (encoded,) = encoder.encode([Document("d", "Aspirin CAUSED severe colitis")])
    assert encoded.windows[0].vectors.tolist() == [0, 0, 2, 0, 1, 1, 1]


def test_pieces_that_a_window_has_no_room_for_are_not_read(bert: Path) -> None:
    text = "the " + "x" * 90 + " pain"
    for alignment, sizes in (("last", [1, 1, 1]), ("mean", [1, 14, 1]), ("all", [1] * 16)):
        encoder = Encoder(load_tokenizer(bert), TAGS, window=16, overlap=4, alignment=alignment)
        (encoded,) = encoder.encode([Document("d", text)])
        assert [int(size) for window in encoded.windows for size in window.sizes] == sizes


def test_a_word_longer_than_a_window_is_cut_and_keeps_its_tag(bert: Path) -> None:
    encoder = Encoder(load_tokenizer(bert), TAGS, window=16, overlap=4)
    (encoded,) = encoder.encode([Document("d", "the " + "x" * 90 + " pain", (Mention("1", ((4, 94),), "Disease"),))])
    assert encoded.tags == [0, *TAGS.spell("Disease", 1), 0]
    assert sum(len(window.heads) for window in encoded.windows) == 3


def test_empty_and_blank_documents_have_no_windows(bert: Path) -> None:
    encoder = Encoder(load_tokenizer(bert), TAGS, window=16, overlap=4)
    assert [len(item.windows) for item in encoder.encode([Document("a", ""), Document("b", " \n\t ")])] == [0, 0]


def test_an_overlap_as_wide_as_the_window_is_refused(bert: Path) -> None:
    with pytest.raises(BionerError, match="expected overlap between 0 and 13"):
        Encoder(load_tokenizer(bert), TAGS, window=16, overlap=14)
