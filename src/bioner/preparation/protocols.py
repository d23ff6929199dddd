"""Protocols by name: how a corpus is divided, and what is done to the training part afterwards.

`official`, `kfold<k>`, and two that are unsafe and exist to measure leakage: `kfold<k>_sentence` and
`augment_first<k>`. After that may follow `_trainval` (the validation part is trained on too) and
`_equal` or `_<N>words` (the training part is cut to so many words).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bioner.entities import Document
from bioner.errors import BionerError
from bioner.preparation.sentences import cut

UNSAFE = {
    "kfold_sentence": "sentences of one document are in training and test",
    "augment_first": "variants were made before splitting, a document and its variant are in training and test",
}
_NAME = re.compile(r"(official|kfold(\d+)(_sentence)?|augment_first(\d+))(_trainval)?(?:_(equal|[1-9]\d*words))?")


@dataclass(frozen=True, slots=True)
class Protocol:
    """`kind`: official, kfold, kfold_sentence or augment_first; `k` folds; `words`: "" for all, "equal", or "<N>words"."""

    kind: str
    k: int = 1
    train_on_validation: bool = False
    words: str = ""

    @classmethod
    def parse(cls, name: str) -> Protocol:
        """The protocol of a name; BionerError for any other."""
        matched = _NAME.fullmatch(name)
        if matched is None:
            expected = "official, kfold<k>, kfold<k>_sentence or augment_first<k>"
            raise BionerError(f"expected protocol {expected}, got {name!r}; change it in the config")
        kind = "official" if matched[1] == "official" else "augment_first" if matched[4] else f"kfold{matched[3] or ''}"
        return cls(kind, int(matched[2] or matched[4] or 1), bool(matched[5]), matched[6] or "")

    @property
    def division(self) -> str:
        """The name of the division alone, without what is done to the training part."""
        if self.kind == "official":
            return self.kind
        return f"kfold{self.k}_sentence" if self.kind == "kfold_sentence" else f"{self.kind}{self.k}"

    @property
    def name(self) -> str:
        return self.division + "_trainval" * self.train_on_validation + (f"_{self.words}" if self.words else "")

    @property
    def unsafe(self) -> str:
        """What is wrong with the protocol; empty when nothing is."""
        return UNSAFE.get(self.kind, "")

    def units(self, documents: Iterable[Document], variants: Iterable[Document]) -> list[Document]:
        """What is divided: documents, their sentences, or documents and the variants made of them beforehand.

        Raises:
            BionerError: there are no variants for a protocol that needs them.
        """
        if self.kind == "kfold_sentence":
            return [sentence for document in documents for sentence in cut(document)]
        units = list(documents)
        if self.kind == "augment_first":
            size = len(units)
            units += variants
            if len(units) == size:
                raise BionerError(f"expected variants for protocol {self.name}, found none; set preparation.noise.rate above 0")
        return units
