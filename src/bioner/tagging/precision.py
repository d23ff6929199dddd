"""Devices and number formats: found, never assumed."""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path

import torch
import transformers

from bioner.cards import claim_card
from bioner.commandline import say
from bioner.errors import BionerError

BF16 = "bf16"
FP16 = "fp16"
FP32 = "fp32"
AUTO = "auto"
FORMATS = {BF16: torch.bfloat16, FP16: torch.float16}
WORTH = 1.3
"""How many times as fast as float32 matrix products a processor must make bf16 ones before `auto` takes bf16."""


def configure_torch(threads: int) -> None:
    """The number of threads and deterministic kernels, on both of which results depend; a log without transformers' notes."""
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid that costs time
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def choose_device() -> torch.device:
    """A CUDA card that this process takes for itself (see `bioner.cards`), or the processor, which is said.

    Raises:
        BionerError: there is a card that cannot be taken, since nothing but CUDA knows of it: two jobs could share it by accident.
    """
    card = claim_card()
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    if device.type == "cuda" and card is None:
        raise BionerError("expected to find the machine's cards, found one by CUDA alone; name those to use, as in CUDA_VISIBLE_DEVICES=0")
    say(f"on {device_name(device)}" + (f", card {card}" if device.type == "cuda" else ""))
    return device


def device_name(device: torch.device) -> str:
    """What a reader would call the device: the card's or the processor's model name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    unit = bf16_unit()
    return f"CPU ({_cpu_info('model name') or 'unknown model'}{f', {unit}' if unit else ''})"


def bf16_unit() -> str | None:
    """What multiplies bf16 matrices in this processor by its own word: AMX, AVX-512 BF16, or nothing. How fast is for `bf16_speedup`."""
    flags = _cpu_info("flags").split()
    return next((name for flag, name in (("amx_bf16", "AMX"), ("avx512_bf16", "AVX-512 BF16")) if flag in flags), None)


@cache
def bf16_speedup() -> float:
    """How many times as fast this processor makes bf16 matrix products as float32 ones, measured in a fifth of a second.

    Its flags do not tell: AMX gave 8, AVX-512 BF16 2.5 on AMD's processors and 0.5 on one of Intel's whose AMX is not to be had.
    The product is that of an inner layer of BERT-base for 1,024 pieces; the two take turns, the fastest of eight counts.
    """
    pairs = {kind: (torch.ones(1024, 768, dtype=kind), torch.ones(3072, 768, dtype=kind)) for kind in (torch.float32, torch.bfloat16)}
    seconds = dict.fromkeys(pairs, float("inf"))
    for _ in range(8):
        for kind, (rows, weights) in pairs.items():
            start = time.perf_counter()
            torch.nn.functional.linear(rows, weights)
            seconds[kind] = min(seconds[kind], time.perf_counter() - start)
    return seconds[torch.float32] / seconds[torch.bfloat16]


def _cpu_info(key: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def choose_precision(wanted: str, device: torch.device) -> str:
    """`bf16`, `fp16` or `fp32`; `auto` takes `faster_precision`, never fp16.

    Raises:
        BionerError: the card has no bf16.
    """
    if wanted == BF16 and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise BionerError(f"training.precision: expected fp16, fp32 or auto on a {device_name(device)}, which has no bf16, got bf16")
    return faster_precision(device) if wanted == AUTO else wanted


def faster_precision(device: torch.device) -> str:
    """`bf16` on a card that has it and on a processor that is faster by it, else `fp32`.

    A processor with units for bf16 (`bf16_unit`) must show that they are worth it: `bf16_speedup` of `WORTH` and more.
    """
    if device.type == "cuda":
        return BF16 if torch.cuda.is_bf16_supported() else FP32
    return BF16 if bf16_unit() and bf16_speedup() >= WORTH else FP32


def possible_precisions(wanted: str, device: torch.device) -> list[str]:
    """What `choose_precision` chooses, then what a training under `auto` may have been begun in elsewhere and can be gone on with here."""
    others = (FP32, BF16) if device.type == "cpu" or torch.cuda.is_bf16_supported() else (FP32,)
    return list(dict.fromkeys((choose_precision(wanted, device), *(others if wanted == AUTO else ()))))


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Run matrix products in bfloat16 or float16, or everything in float32."""
    return torch.autocast(device.type, FORMATS[precision]) if precision in FORMATS else nullcontext()
