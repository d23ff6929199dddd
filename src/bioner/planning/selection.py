"""A checked configuration and the experiments that it selects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bioner.errors import ConfigError
from bioner.experiments import Experiment, Run


@dataclass(frozen=True)
class Selection:
    """A checked configuration and the experiments that it selects."""

    config: dict[str, Any]
    experiments: list[Experiment]

    def experiment(self, name: str) -> Experiment:
        """A selected experiment; ConfigError for one that is not."""
        for experiment in self.experiments:
            if experiment.name == name:
                return experiment
        raise ConfigError(f"run: experiment '{name}' is not selected; add --config 'run=[{name}]'")

    @property
    def runs(self) -> list[Run]:
        """The runs of all selected experiments, each once, sorted."""
        return sorted({run for experiment in self.experiments for run in experiment.runs})
