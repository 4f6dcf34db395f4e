"""Which machine and which versions a figure belongs to."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

__all__ = ["cpu_ms", "machine", "resident_mib"]

_MEASURED = ("weir", "onnxruntime", "numpy", "selectolax", "faust-streaming")
_TICKS = os.sysconf("SC_CLK_TCK")


def machine() -> dict[str, str | int]:
    """Return the processor's model, cores, memory in MiB, kernel, Python and library versions."""
    return {
        "cpu": _first("/proc/cpuinfo", "model name") or platform.processor() or "unknown",
        "cores": os.cpu_count() or 0,
        "memory_mib": int((_first("/proc/meminfo", "MemTotal") or "0").split()[0]) // 1024,
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{name.replace("-", "_"): version(name) for name in _MEASURED},
    }


def cpu_ms(pid: int) -> float:
    """Return the CPU time that a process has used, user and system, in ms (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / _TICKS


def resident_mib(pid: int) -> float:
    """Return the memory that a process holds, in MiB (VmRSS of proc(5))."""
    return int((_first(f"/proc/{pid}/status", "VmRSS") or "0").split()[0]) / 1024


def _first(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
