"""What predictions.json tells of raw tags and of the ceiling on recall, against the predictions themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bioner.entities import Document, Mention
from bioner.evaluation.conventions import read_tags
from bioner.evaluation.strict import strict_scores
from bioner.preparation.normalize import normalize, restore
from bioner.tagging.decoding import embed, predict_under
from bioner.tagging.feature_crf import FeatureCRF
from bioner.tagging.raw_tags import Listener, count_expressed, encode_words, feature_paths, tell
from bioner.tagging.tagger import load_tokenizer, make_encoder, new_tagger
from bioner.tags import TagSet

RECIPE: dict[str, Any] = {"window": 24, "overlap": 4, "alignment": "first"}
TEXT = "aspirin caused severe colitis in patients with pain vs. severe pain in the drug"
ORIGINALS = [
    Document(f"d{number}", f"{'the ' * number}{TEXT}", (Mention("1", ((4 * number, 4 * number + 7),), "Chemical"),)) for number in range(5)
]


@pytest.mark.parametrize(("crf", "constrained"), [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize("scheme", ["iob2", "iobes"])
def test_raw_tags_are_those_behind_the_predictions(bert: Path, crf: bool, constrained: bool, scheme: str) -> None:
    torch.manual_seed(3)
    tag_set = TagSet.of(["Chemical", "Disease"], scheme)
    tagger = new_tagger(bert, tag_set, crf=crf, constrained=constrained).eval()
    torch.nn.init.normal_(tagger.network.classifier.weight)
    encoder = make_encoder(load_tokenizer(bert), tag_set, RECIPE, tagger.network.config)
    listener = Listener(tagger)
    normalized = [normalize(document, ["unicode", "shorthand"]) for document in ORIGINALS]

    def louder(_: Any, batch: Any) -> Any:
        return embed(tagger, batch) * 3

    predicted, other = predict_under(listener.tagger, encoder, normalized, [listener.embed, louder])
    assert predicted == predict_under(tagger, encoder, normalized, [embed])[0] and other != predicted
    encoded = encoder.encode(normalized)
    paths = listener.paths(encoded)
    for path, item, document in zip(paths, encoded, predicted, strict=True):
        found = [((item.units[a][0], item.units[b - 1][1]), kind) for a, b, kind in read_tags(path, tag_set, "begin")]
        assert found == [(mention.spans[0], mention.type) for mention in document.mentions]
    everything = tell(ORIGINALS, normalized, encoded, paths, tag_set)
    told = everything["invalid_tags"]
    pairs = [pair for path, item in zip(paths, encoded, strict=True) for pair in zip(item.tags, path, strict=True)]
    assert everything["unit_tags"] == {
        name: [sum(g == tag for g, _ in pairs), sum(p == tag for _, p in pairs), sum(g == p == tag for g, p in pairs)]
        for tag, name in enumerate(tag_set.names)
        if any(tag in pair for pair in pairs)
    }
    assert (told["invalid"] == 0) == constrained
    restored = [
        Document(o.id, o.text, restore(flat, guess.mentions)) for o, flat, guess in zip(ORIGINALS, normalized, predicted, strict=True)
    ]
    scores = strict_scores(ORIGINALS, restored)
    begin = told["conventions"]["begin"]
    assert begin["predicted"] == sum(len({(m.spans, m.type) for m in document.mentions}) for document in restored)
    assert begin["correct"] == round(scores.recall * told["gold"])
    if constrained and scheme == "iob2":
        assert len({tuple(found.values()) for found in told["conventions"].values()}) == 1


def test_the_ceiling_counts_what_tags_pieces_and_normalization_lose() -> None:
    #       0       8    13   18    24      32
    text = "aspirin p53abc vs. severe colitis x"
    whole, inside = Mention("1", ((0, 7),), "Chemical"), Mention("2", ((8, 11),), "Gene")
    nested, outer = Mention("3", ((26, 33),), "Disease"), Mention("4", ((19, 33),), "Disease")
    unknown, part = Mention("5", ((34, 35),), "Species"), Mention("6", ((15, 17),), "Chemical")
    parts = Mention("7", ((0, 3), (4, 7)), "Gene")
    original = Document("a", text, (whole, inside, nested, outer, unknown, part, parts, whole._replace(id="again")))
    tag_set = TagSet.of(["Chemical", "Gene", "Disease"])
    flat = normalize(original, ["shorthand"])
    encoded = encode_words([flat], tag_set)
    assert count_expressed([original], [flat], encoded, tag_set) == {
        "gold": 7,
        "found": 2,
        "lost": {
            "boundary inside a unit": 1,
            "changed by normalization": 1,
            "overlaps a longer mention": 2,
            "type without a tag": 1,
        },
    }
    perfect = tell([original], [flat], encoded, [item.tags for item in encoded], tag_set)
    assert perfect["ceiling"] == {"gold": 7, "found": 2}
    assert perfect["invalid_tags"]["conventions"]["begin"]["correct"] == 2 and perfect["invalid_tags"]["invalid"] == 0


def test_raw_tags_of_a_feature_crf_are_those_behind_its_predictions() -> None:
    tag_set = TagSet.of(["Chemical"], "iobes")
    model, _, _ = FeatureCRF.train(ORIGINALS, tag_set, c1=0.1, c2=0.1, iterations=3)
    documents = [*ORIGINALS, Document("empty", "")]
    predicted, encoded = model.predict(documents), encode_words(documents, tag_set)
    for path, item, document in zip(feature_paths(model, documents), encoded, predicted, strict=True):
        assert len(path) == len(item.units)
        found = [(item.units[a][0], item.units[b - 1][1], kind) for a, b, kind in read_tags(path, tag_set, "begin")]
        assert found == [(mention.start, mention.end, mention.type) for mention in document.mentions]
    assert any(document.mentions for document in predicted)


def test_without_normalization_every_word_can_be_said() -> None:
    document = Document("a", "one two three", (Mention("1", ((0, 7),), "Gene"), Mention("2", ((8, 13),), "Gene")))
    flat = normalize(document, [])
    tag_set = TagSet.of(["Gene"])
    assert count_expressed([document], [flat], encode_words([flat], tag_set), tag_set) == {"gold": 2, "found": 2, "lost": {}}
