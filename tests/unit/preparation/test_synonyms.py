from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from bioner.entities import Document, Mention
from bioner.preparation.synonyms import Lexicon, build_lexicon, merge_lexicons, replace_synonyms

NAMES = Lexicon({("C1", "Drug"): ("ZB-7", "zorbinol"), ("C1", "Disease"): ("scaly fever",)}, {})


@given(st.data(), st.integers(0, 5))
def test_any_variant_is_exact_and_repeats(
    draw_document: Callable[[st.DataObject], Document],
    check_variant: Callable[[Document, Document, str], None],
    check_names: Callable[[Document, Document], None],
    data: st.DataObject,
    seed: int,
) -> None:
    document = draw_document(data)
    lexicon = merge_lexicons([NAMES, build_lexicon([document])])
    assert lexicon is not None
    variant = replace_synonyms(document, lexicon, 0.8, seed)
    assert variant == replace_synonyms(document, lexicon, 0.8, seed)
    assert replace_synonyms(document, lexicon, 0.0, seed) is None
    if variant is not None:
        check_variant(variant, document, "synonyms")
        check_names(variant, document)
        for before, after in zip(document.mentions, variant.mentions, strict=True):
            new, old = variant.surface(after), document.surface(before)
            assert new == old or new in lexicon.surfaces[after.concepts[0], after.type]


def test_only_text_that_can_stand_elsewhere_is_a_name() -> None:
    text = "scaly\nfever and scaly\r\nfever and \u200b\u200b and ZF \u2028x"
    spans = [(0, 11), (16, 28), (33, 35), (40, 42), (40, 43), (42, 45)]
    document = Document("d", text, tuple(Mention(f"T{n}", (span,), "Disease", ("C1",)) for n, span in enumerate(spans)))
    assert build_lexicon([document]).surfaces == {("C1", "Disease"): ("ZF",)}


def test_a_lexicon_does_not_depend_on_the_order_of_documents(corpus: list[Document]) -> None:
    lexicon = build_lexicon(corpus)
    assert lexicon == build_lexicon(corpus[::-1])
    forth, back = ([replace_synonyms(d, lexicon, 0.5, 1) for d in order] for order in (corpus, corpus[::-1]))
    assert forth == back[::-1]


def test_merged_lexicons_have_the_names_of_all() -> None:
    more = Lexicon({("C1", "Drug"): ("plimurin",), ("C2", "Drug"): ("x",)}, {"x": ("d",)})
    merged = merge_lexicons([NAMES, more])
    assert merged is not None and merged.provenance == {}
    assert merged.surfaces == {
        ("C1", "Drug"): ("ZB-7", "plimurin", "zorbinol"), ("C1", "Disease"): ("scaly fever",), ("C2", "Drug"): ("x",),
    }  # fmt: skip
    assert merge_lexicons([]) is None and merge_lexicons([Lexicon({}, {})]) is None
