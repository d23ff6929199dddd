"""Tables of robustness: clean and attacked scores, what attacks achieve and cost, the worst case; by type and by novelty."""

from __future__ import annotations

from collections.abc import Mapping

from bioner.evaluation.columns import WORST_CASE
from bioner.evaluation.novelty import NOVELTIES
from bioner.reporting.cells import Row, count_folds, count_seeds, mean, percent, select_attacks, select_systems
from bioner.reporting.collected import CLEAN, STRICT_F1, Cell, FoldSeed, Scores, System
from bioner.reporting.intervals import Intervals
from bioner.reporting.settings import ReportSettings
from bioner.reporting.tallies import Success, Successes

_ACHIEVED = ("success", "partial", "edits", "queries", "edits_per_success", "queries_per_success")
ROBUSTNESS_COLUMNS = (
    *("dataset", "model", "attack", "f1_clean", "f1_attacked", "relative_drop", *_ACHIEVED),
    *("precision", "recall", "f1_low", "f1_high", "folds", "seeds", "note"),
)
GROUP_COLUMNS = (
    *("dataset", "model", "attack", "group", "value", "f1_clean", "f1_attacked", "relative_drop", "right", "success", "partial"),
    *("folds", "seeds"),
)

Runs = Mapping[FoldSeed, Mapping[tuple[str, str], Success]]


def robustness_rows(*, settings: ReportSettings, scores: Scores, intervals: Intervals, successes: Successes) -> list[Row]:
    """Strict micro scores under each attack, then the worst case; in percent, means over folds and seeds.

    `relative_drop` = (F1 clean - F1 attacked) / F1 clean. `success`: of the mentions that were right in clean text, those not found
    strictly under the attack; `partial`: of the latter, those still overlapped with the right type. `edits` and `queries` are numbers a
    document, and for each mention that the attack broke. The worst case is the attack of the lowest F1; its
    success counts a mention that any attack breaks.
    """
    rows: list[Row] = []
    for system in select_systems(settings, scores.systems()):
        attacks = select_attacks(settings, scores, system)
        own = [row for attack in attacks if (row := _row(system, attack, settings, scores, intervals, successes))]
        rows += own
        if len(own) > 1:
            worst = min(own, key=lambda row: float(row["f1_attacked"]))
            achieved = _achieved(_worst_cases(settings, scores, successes, system))
            note = f"lowest F1: {worst['attack']}" + "; success of any attack" * bool(achieved["success"])
            unspent = dict.fromkeys(_ACHIEVED[2:], "")
            rows.append({**worst, **achieved, **unspent, "attack": WORST_CASE, "note": note})
    return rows


def _worst_cases(settings: ReportSettings, scores: Scores, successes: Successes, system: System) -> Runs:
    """What any attack breaks; nothing where the runs had attacks that are not the experiment's, for these are counted too."""
    others = set(scores.attacks(system)).difference(settings.attacks)
    return {} if others else successes.get((system, WORST_CASE), {})


def _row(
    system: System, attack: str, settings: ReportSettings, scores: Scores, intervals: Intervals, successes: Successes
) -> dict[str, str] | None:
    """The row of one attack; None where there is no clean or attacked F1."""
    clean, runs = mean(scores.by_run(system, STRICT_F1)), scores.by_run(system, STRICT_F1, attack)
    attacked = mean(runs)
    if clean is None or attacked is None:
        return None
    low, high = intervals.f1(system, attack)
    return {
        "dataset": settings.datasets[system[0]].title,
        "model": system[2],
        "attack": attack,
        **_drop(clean, attacked),
        **_achieved(successes.get((system, attack), {})),
        "precision": percent(mean(scores.by_run(system, STRICT_F1._replace(metric="precision"), attack))),
        "recall": percent(mean(scores.by_run(system, STRICT_F1._replace(metric="recall"), attack))),
        "f1_low": percent(low),
        "f1_high": percent(high),
        "folds": str(count_folds(runs)),
        "seeds": str(count_seeds(runs)),
        "note": "",
    }


def _drop(clean: float | None, attacked: float | None) -> dict[str, str]:
    drop = (clean - attacked) / clean if clean and attacked is not None else None
    return {"f1_clean": percent(clean), "f1_attacked": percent(attacked), "relative_drop": percent(drop)}


def _achieved(runs: Runs) -> dict[str, str]:
    totals = {run: counts["", ""] for run, counts in runs.items() if ("", "") in counts}
    costs = [_cost(totals, what, unit) for unit in ("documents", "broken") for what in ("edits", "queries")]
    return _shares(totals) | dict(zip(_ACHIEVED[2:], map(_number, costs), strict=True))


def _cost(totals: Mapping[FoldSeed, Success], what: str, unit: str) -> dict[FoldSeed, float]:
    """Edits or queries for each document or broken mention, by run; nothing for an attack that needs none."""
    counts = {run: (getattr(total, what), getattr(total, unit)) for run, total in totals.items()}
    if not any(spent for spent, _ in counts.values()):
        return {}
    return {run: spent / number for run, (spent, number) in counts.items() if number}


def _shares(totals: Mapping[FoldSeed, Success]) -> dict[str, str]:
    return {"success": percent(mean(success_shares(totals))), "partial": percent(mean(partial_shares(totals)))}


def success_shares(totals: Mapping[FoldSeed, Success]) -> dict[FoldSeed, float]:
    """Broken mentions of those that were right, in [0, 1], by run; runs in which nothing was right are left out."""
    return {run: total.broken / total.right for run, total in totals.items() if total.right}


def partial_shares(totals: Mapping[FoldSeed, Success]) -> dict[FoldSeed, float]:
    """Mentions overlapped with the right type of those broken, in [0, 1], by run; runs in which nothing was broken are left out."""
    return {run: total.partial / total.broken for run, total in totals.items() if total.broken}


def _number(values: Mapping[FoldSeed, float]) -> str:
    average = mean(values)
    return "" if average is None else f"{average:.2f}"


def group_rows(*, settings: ReportSettings, scores: Scores, successes: Successes) -> list[Row]:
    """Robustness by entity type and by novelty (seen, synonym or unseen in training, judged by the clean text).

    `right` are the mentions of all runs that were right in clean text. An F1 by novelty there is none: a spurious mention is not
    one of the gold mentions that are seen or unseen.
    """
    rows: list[Row] = []
    for system in select_systems(settings, scores.systems()):
        attacks = select_attacks(settings, scores, system)
        for attack in [*attacks, *([WORST_CASE] if len(attacks) > 1 else [])]:
            runs = successes.get((system, attack), {}) if attack != WORST_CASE else _worst_cases(settings, scores, successes, system)
            types = sorted({kind for counts in runs.values() for kind, _ in counts if kind})
            for group, value in [*(("type", kind) for kind in types), *(("novelty", novelty) for novelty in NOVELTIES)]:
                if totals := summed(runs, group, value):
                    f1 = _type_f1(settings, scores, system, attack, value) if group == "type" else _drop(None, None)
                    rows.append(_group_row(settings, system, attack, group, value, totals, f1))
    return rows


def _group_row(
    settings: ReportSettings, system: System, attack: str, group: str, value: str, totals: Mapping[FoldSeed, Success], f1: Mapping[str, str]
) -> Row:
    return {
        "dataset": settings.datasets[system[0]].title,
        "model": system[2],
        "attack": attack,
        "group": group,
        "value": value,
        **f1,
        "right": str(sum(total.right for total in totals.values())),
        **_shares(totals),
        "folds": str(count_folds(totals)),
        "seeds": str(count_seeds(totals)),
    }


def _type_f1(settings: ReportSettings, scores: Scores, system: System, attack: str, kind: str) -> Mapping[str, str]:
    """Strict F1 of one type, in runs with gold of it; under the worst case, of the attack by which it is lowest.

    A run without gold of the type has an F1, of 0, only where an attack made the model predict it: it would say nothing of the attack.
    """
    cell = Cell("strict", "type", kind, "f1")
    gold = {run for run, number in scores.by_run(system, cell._replace(metric="gold")).items() if number}

    def average(condition: str) -> float | None:
        return mean({run: value for run, value in scores.by_run(system, cell, condition).items() if run in gold})

    attacks = select_attacks(settings, scores, system) if attack == WORST_CASE else [attack]
    return _drop(average(CLEAN), min((value for one in attacks if (value := average(one)) is not None), default=None))


def summed(runs: Runs, group: str, value: str) -> dict[FoldSeed, Success]:
    """What holds of one type, or of one novelty, by run; runs without any such mention are left out."""
    place = ("type", "novelty").index(group)
    sums: dict[FoldSeed, Success] = {}
    for run, counts in runs.items():
        for key, success in counts.items():
            if key != ("", "") and key[place] == value:
                sums[run] = sums.get(run, Success()).plus(success)
    return sums
