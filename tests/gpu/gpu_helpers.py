"""A stand-in for `nvidia-smi`. What it prints has the form that NVIDIA documents for --query-gpu; no real card was asked."""

from __future__ import annotations

from pathlib import Path

TITLES = (
    "index, uuid, name, utilization.gpu [%], memory.used [MiB], memory.total [MiB], temperature.gpu, power.draw [W], "
    "enforced.power.limit [W], ecc.errors.corrected.volatile.total, ecc.errors.uncorrected.volatile.total"
)
T4 = "0, GPU-aaaa, Tesla T4, 34, 13000, 15360, 61, 66.32, 70.00, 3, 0"
CONSUMER = "1, GPU-bbbb, NVIDIA GeForce RTX 4090, 0, 1, 24564, 38, [N/A], 450.00, [N/A], [N/A]"
LOST = f"1, GPU-bbbb, NVIDIA GeForce RTX 4090, {', '.join(['[GPU is lost]'] * 8)}"
NAMELESS = f"1, {', '.join(['[GPU is lost]'] * 10)}"


def said(*cards: str) -> str:
    """What it prints for these cards."""
    return "".join(f"{line}\n" for line in (TITLES, *cards))


def stand_in(directory: Path, *commands: str) -> Path:
    """A program that runs these lines of shell."""
    program = directory / "nvidia-smi"
    program.write_text("\n".join(("#!/bin/sh", *commands, "")))
    program.chmod(0o755)
    return program
