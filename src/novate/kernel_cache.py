"""Where compiled kernels are kept between runs.

numba's own cache notices neither an edited helper in another file nor a package folder that cannot be written, so the
folder is named by a digest of the kernels, of every file that they import and of numba's version. It lies under the
user's cache folder or, where there is none, under the temporary one. A folder that the environment names
(``NUMBA_CACHE_DIR``) is respected.
"""

import hashlib
import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).parent
COMPILED = (
    "core/kernels/*.py",
    "core/layout.py",
    "core/rows.py",
    "core/reasons.py",
    "core/money.py",
    "risk/kernels/*.py",
)
"""What ends up in compiled code. ``tests/test_tidy.py`` holds the kernels to these imports."""


def digest() -> str:
    """Digest of the kernels' sources and of the compiler: another one, another cache."""
    hasher = hashlib.sha256(f"{metadata.version('numba')} {sys.version}".encode())
    for path in sorted(path for pattern in COMPILED for path in PACKAGE.glob(pattern)):
        hasher.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return hasher.hexdigest()[:16]


def folder() -> Path:
    """The cache folder of this very source, made where it can be; the first place that can be written."""
    places = [Path(tempfile.gettempdir()) / f"novate-{os.getuid()}"]
    if home := os.environ.get("XDG_CACHE_HOME") or os.environ.get("HOME"):
        cache = Path(home) if "XDG_CACHE_HOME" in os.environ else Path(home) / ".cache"
        places.insert(0, cache / "novate")
    name = f"kernels-{digest()}"
    for place in places:
        path = place / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(path, os.W_OK):
            return path
    return Path(tempfile.mkdtemp(prefix=f"novate-{name}-"))


def use() -> None:
    """Let numba keep compiled kernels there. Must run before the first kernel is imported."""
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    os.environ["NUMBA_CACHE_DIR"] = str(folder())
    if "numba" in sys.modules:
        sys.modules["numba"].config.reload_config()
