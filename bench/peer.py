"""The peer: NautilusTrader's accounting of fills, in an environment of its own under ``bench/.peers``."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.figures import Figure
from bench.world import Size

REQUIREMENT: Final = "nautilus_trader==1.221.0"
"""The last release for Python 3.11; later ones need a newer Python."""
NAME: Final = "NautilusTrader 1.221.0"
HERE: Final = Path(__file__).resolve().parent
ENVIRONMENT: Final = HERE / ".peers" / "nautilus"
SCRIPT: Final = HERE / "nautilus_fills.py"
INSTALL_SECONDS: Final = 600
RUN_SECONDS: Final = 300


def measure(size: Size, *, wanted: bool) -> Figure:
    """Fills a second in one process, or the reason why they could not be measured."""
    figure = Figure(
        key="peer-nautilus", figure=f"peer: {NAME}, fills into margin accounts, one process", unit="fills/s"
    )
    if not wanted:
        figure.skipped = "left out with --no-peer"
        return figure
    try:
        done = run([str(installed()), str(SCRIPT), str(size.peer_fills), str(size.repeats)], RUN_SECONDS)
        figure.samples = [float(sample) for sample in json.loads(done.splitlines()[-1])["fills_per_second"]]
    except (OSError, subprocess.SubprocessError, RuntimeError, ValueError, LookupError) as error:
        figure.skipped = f"{type(error).__name__}: {error}"
    return figure


def installed() -> Path:
    """The interpreter of an environment that has the peer; made where there is none."""
    python = ENVIRONMENT / "bin" / "python"
    stamp = ENVIRONMENT / REQUIREMENT
    if not stamp.exists():
        ENVIRONMENT.mkdir(parents=True, exist_ok=True)
        (ENVIRONMENT.parent / ".gitignore").write_text("*\n")
        run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], INSTALL_SECONDS)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--only-binary", ":all:"]
        run([*pip, REQUIREMENT], INSTALL_SECONDS)
        stamp.touch()
    return python


def run(command: list[str], timeout_seconds: int) -> str:
    """Standard output of a command. Raises ``RuntimeError`` with the last line it said where it failed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_seconds, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing said").splitlines()[-1]
        raise RuntimeError(f"{' '.join(command[:4])} … ended with {done.returncode}: {said}")
    return done.stdout
