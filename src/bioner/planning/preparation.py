"""What the rules of workflow/rules/preparation.smk are told, and the files that they start from."""

from __future__ import annotations

from typing import Any

from bioner.errors import ConfigError
from bioner.planning.selection import Selection
from bioner.preparation.protocols import Protocol


def within_documents(shuffling: dict[str, Any] | None) -> bool:
    """Whether shuffled names stay inside their document, or nothing is shuffled."""
    return shuffling is None or bool(shuffling["within"] == "document")


class PreparationPlan(Selection):
    """Variants, divisions and what folds are composed of."""

    def equal_to(self, dataset: str, protocol: str) -> list[str]:
        """Divisions to the smallest training part of which an `_equal` protocol is cut: those of its experiment; none for others.

        Raises ConfigError where two experiments would make the same runs of different numbers of words.
        """
        if Protocol.parse(protocol).words != "equal":
            return []
        parts = {
            experiment.name: sorted({Protocol.parse(name).division for name in experiment.divisions})
            for experiment in self.experiments
            if dataset in experiment.present and protocol in experiment.divisions
        }
        if len(set(map(tuple, parts.values()))) > 1:
            told = "; ".join(f"{name}: {', '.join(found)}" for name, found in parts.items())
            raise ConfigError(f"run: experiments with equal training words on {dataset} must compare the same protocols, found {told}")
        return next(iter(parts.values()), [])

    @property
    def document_variants(self) -> list[str]:
        """Kinds of variants that are made once a document, for all folds."""
        chosen = self.config["preparation"]
        made = {"noise": True, "shuffling": within_documents(chosen["shuffling"]), "back_translation": True}
        return [kind for kind, wanted in made.items() if wanted and chosen[kind] is not None]

    def translators(self, kind: str) -> list[str]:
        """Encoders that a kind of variants needs: the models of back-translation, there and back."""
        return [self.config["preparation"][kind][way] for way in ("forward", "backward")] if kind == "back_translation" else []

    @property
    def composition(self) -> dict[str, Any]:
        """What the rule compose is told: normalization steps, and the variants that draw on the training part."""
        chosen = self.config["preparation"]
        settings = {key: chosen[key] for key in ("normalize", "synonyms")}
        if not within_documents(chosen["shuffling"]):
            settings["shuffling"] = chosen["shuffling"]
        return settings | ({"lexicons": chosen["lexicons"]} if chosen["lexicons"] else {})

    @property
    def lexicon_files(self) -> list[str]:
        """Files of the external lexicons."""
        return [path for entry in self.config["preparation"]["lexicons"].values() for path in entry.values()]
