"""A checked configuration: the files that runs are made from, and the slice of the configuration that each rule gets.

A module for each file of workflow/rules.
"""

from __future__ import annotations

from bioner.planning.corpora import CorporaPlan
from bioner.planning.preparation import PreparationPlan
from bioner.planning.reporting import ReportingPlan


class Plan(CorporaPlan, PreparationPlan, ReportingPlan):
    """A checked configuration and the experiments that it selects, with all that the workflow's rules ask of them."""
