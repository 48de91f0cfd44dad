"""The machine and the software that the figures were measured on."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def processor() -> str:
    """The model of the processor as the system names it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def commit() -> str:
    """The commit of the sources, marked where files differ from it; "unknown" outside a checkout."""
    try:
        head = git("rev-parse", "--short=12", "HEAD")
        return f"{head} with changes" if git("status", "--porcelain", "--", "src") else head
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def git(*arguments: str) -> str:
    """What git says of the checkout."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def description(work: Path) -> dict[str, str]:
    """The machine in words; ``work`` is the folder whose disk the journals are written to."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numba", "numpy", "msgspec"))
    return {
        "processor": f"{processor()}, {cores()} cores",
        "memory": f"{memory / 2**30:.0f} GiB",
        "journal": f"{work} ({file_system(work)})",
        "system": f"{platform.system()} {platform.release()}",
        "software": f"Python {platform.python_version()}, {versions}",
        "commit": commit(),
    }


def file_system(path: Path) -> str:
    """Type of the file system that a path lies on, where the system tells."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown file system"
    lines = [line.split() for line in mounts.read_text().splitlines()]
    under = [fields for fields in lines if path.resolve().is_relative_to(fields[1])]
    return max(under, key=lambda fields: len(fields[1]))[2] if under else "unknown file system"


def load() -> str:
    """How busy the machine is, on average over the last minute: what runs beside the bench slows it."""
    return f"{os.getloadavg()[0]:.1f} of {cores()} cores"
