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
from bioner.tagging.encode import Encoder, window_ranges
from bioner.tagging.tagger import load_tokenizer
from bioner.tags import TagSet

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
@given(text=st.text(max_size=200))
def test_every_word_has_its_first_piece(encoder_folder: Path, text: str) -> None:
    encoder = Encoder(load_tokenizer(encoder_folder), TAGS, window=16, overlap=4)
    (encoded,) = encoder.encode([Document("d", text)])
    assert sum(len(window.heads) for window in encoded.windows) == len(encoded.words)
    for window in encoded.windows:
        assert len(window.pieces) <= 16
        assert (np.diff(window.heads) > 0).all()
        assert len(window.heads) == 0 or (
            window.heads[0] >= len(encoder.prefix) and window.heads[-1] < len(window.pieces) - len(encoder.suffix)
        )


def test_tags_stand_on_first_pieces(bert: Path) -> None:
    text = "aspirin caused severe colitis"
    mentions = (Mention("1", ((0, 7),), "Chemical"), Mention("2", ((15, 29),), "Disease"))
    encoder = Encoder(load_tokenizer(bert), TAGS, window=32, overlap=4)
    (encoded,) = encoder.encode([Document("d", text, mentions)])
    (window,) = encoded.windows
    names = [TAGS.names[tag] for tag in window.tags]
    assert names == ["B-Chemical", "O", "B-Disease", "I-Disease"]
    pieces = encoder.tokenizer.convert_ids_to_tokens(window.pieces[window.heads].tolist())
    assert pieces == ["as", "caused", "severe", "c"]
    assert window.pieces[0] == encoder.tokenizer.cls_token_id and window.pieces[-1] == encoder.tokenizer.sep_token_id


def test_a_word_longer_than_a_window_is_cut_and_keeps_its_tag(bert: Path) -> None:
    encoder = Encoder(load_tokenizer(bert), TAGS, window=16, overlap=4)
    (encoded,) = encoder.encode([Document("d", "the " + "x" * 90 + " pain", (Mention("1", ((4, 94),), "Disease"),))])
    assert encoded.tags == [0, TAGS.begin("Disease"), 0]
    assert sum(len(window.heads) for window in encoded.windows) == 3


def test_empty_and_blank_documents_have_no_windows(bert: Path) -> None:
    encoder = Encoder(load_tokenizer(bert), TAGS, window=16, overlap=4)
    assert [len(item.windows) for item in encoder.encode([Document("a", ""), Document("b", " \n\t ")])] == [0, 0]


def test_an_overlap_as_wide_as_the_window_is_refused(bert: Path) -> None:
    with pytest.raises(BionerError, match="expected overlap between 0 and 13"):
        Encoder(load_tokenizer(bert), TAGS, window=16, overlap=14)
