"""Which machine this is: its cores, its processor and the versions that a figure depends on."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# What /proc/cpuinfo calls the arithmetic that shortens a step most, the fastest first.
VECTORS = {"avx512_bf16": "AVX-512 with bfloat16", "avx512f": "AVX-512", "avx2": "AVX2"}


def num_cores() -> int:
    """Return on how many cores this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_text() -> str:
    """Return how Linux describes the processor; "" on other systems, or where it does not say."""
    try:
        return CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def has_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 numbers; True where it does not say."""
    words = set(processor_text().split())
    return not words or bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


def describe_machine() -> str:
    """Return the processor, its cores and the versions that a figure depends on, in a line."""
    text = processor_text()
    found = re.search(r"model name\s*: (.+)", text)
    model = found[1].strip() if found else platform.processor() or platform.machine()
    # Two processors of one name may differ twofold in this.
    words = set(text.split())
    vectors = [name for flag, name in VECTORS.items() if flag in words]
    model += f" ({vectors[0]})" if vectors else ""
    cores = num_cores()
    return (
        f"{cores} core{'s' * (cores != 1)} of {model}, Python {platform.python_version()}, "
        f"TensorFlow {_tensorflow_version()}"
    )


def _tensorflow_version() -> str:
    """Return the version of TensorFlow, which other packages than `tensorflow` may have brought."""
    try:
        return metadata.version("tensorflow")
    except metadata.PackageNotFoundError:
        names = metadata.packages_distributions().get("tensorflow", [])
        return metadata.version(names[0]) if names else "of an unknown version"
