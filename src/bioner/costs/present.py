"""A plan as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size(value: float) -> str:
    """Bytes as people say them."""
    unit, name = next(((unit, name) for unit, name in UNITS if value >= unit), (1.0, "B"))
    return f"{value / unit:.{0 if value / unit >= 100 or unit == 1.0 else 1}f} {name}"


def hours(value: float) -> str:
    """Hours as people say them: seconds below a minute, minutes below an hour, then hours."""
    seconds = 3600 * value
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if value < 1 else f"{value:,.1f} h"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table, numbers to the right."""
    lines = [f"| {' | '.join(header)} |", "| " + " | ".join(["---"] * 2 + ["---:"] * (len(header) - 2)) + " |"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def present(plan: dict[str, Any]) -> str:
    """The plan as Markdown that reads well in a terminal."""
    what = "of this card" if plan["accelerator"] else "on this processor (no card)"
    facts = ", ".join(f"{key} {value}" for key, value in plan["measured"].items())
    lines = [f"Plan of {', '.join(plan['experiments'])}: {plan['runs']:,} runs, {plan['total_jobs']:,} jobs", ""]
    lines += [f"Measured on {plan['device']}" + (f" ({facts})" if facts else ""), ""]
    lines += table(
        ("Experiment", "System", "Runs", "Passes a step", "Training", "Prediction", "Longest job"),
        [
            (
                row["experiment"],
                row["model"] + (" (processor)" if row["on"] == "processor" else ""),
                f"{row['runs']:,}" + (f" ({row['not_counted']:,} not counted)" if row["not_counted"] else ""),
                str(row["passes"]) if row["on"] == "device" else "",
                hours(row["training_hours"]),
                hours(row["prediction_hours"]),
                hours(row["longest_hours"]),
            )
            for row in plan["rows"]
        ],
    )
    device, processor = plan["device_hours"], plan["processor_hours"]
    shares = ", ".join(f"{rule} {hours(value)}" for rule, value in device.items() if rule != "total")
    lines += ["", f"- trainings and predictions: {hours(device['total'])} {what}, one job after another ({shares})"]
    classical = f", feature CRFs {hours(processor['feature_crf'])}" if processor["feature_crf"] else ""
    lines += [f"- jobs without an encoder: {hours(processor['total'])} of one processor core{classical}"]
    kinds = ", ".join(f"{kind} {size(value)}" for kind, value in plan["disk_bytes"].items() if kind != "checkpoints")
    stays = sum(value for kind, value in plan["disk_bytes"].items() if kind != "checkpoints")
    checkpoints = f"{size(plan['disk_bytes']['checkpoints'])} of checkpoints at the peak, {plan['parallel']} trainings at a time"
    lines += [f"- disk: {size(stays)} ({kinds}), and {checkpoints}"]
    lines += ["- jobs: " + ", ".join(f"{rule} {count:,}" for rule, count in plan["jobs"].items())]
    corpora = (
        f"{name} {'unknown' if found['words'] is None else format(found['words'], ',')} ({found['source']})"
        for name, found in plan["corpora"].items()
    )
    lines += ["- words: " + ", ".join(corpora)]
    lines += ["- upper bounds: all epochs are counted, and all queries of searches; early stopping can only shorten a training"]
    lines += [f"- not known, and hence not counted: {what} ({count:,} jobs)" for what, count in plan["unknown"].items()]
    lines += [f"- not measured: {what}; its speed is derived {how}" for what, how in plan["derived"].items()]
    for experiment, found in plan["absent"].items():
        lines += [
            f"- not provided, and hence not planned: {name} of {experiment} ({why}); --provided plans it too" for name, why in found.items()
        ]
    return "\n".join(lines) + "\n"


def comparison(rows: Sequence[dict[str, Any]]) -> str:
    """Estimates of trainings beside what finished ones took."""
    if not rows:
        return "No run of these experiments is finished: nothing to compare with.\n"
    lines = table(
        ("Corpus", "System", "Finished", "Took, median", "Estimate for its epochs", "Ratio", "Upper bound, ratio"),
        [
            (
                f"{row['dataset']} ({row['protocol']})",
                row["model"],
                f"{row['runs']:,}",
                f"{row['seconds']:,.0f} s",
                f"{row['estimated']:,.0f} s",
                f"{row['ratio']:.2f}",
                f"{row['bound']:.2f}",
            )
            for row in rows
        ],
    )
    return "\n".join(lines) + "\n"
