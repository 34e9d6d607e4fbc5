"""`loop.py` compiled by numba, where it is installed (the extra `large`) and has been opened: until then, and without
it, the index does all in Python and NumPy.

What was compiled is kept in a folder, so that only the first start takes seconds. Whoever may write there may run code
as this process does: it lies in the instance folder, which is its owner's alone.
"""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from referral_dir.index import grid, loop

FOLDER: Final = "match-loops"


class Loops(NamedTuple):
    """See loop.py."""

    judge_rows: Callable[..., int]
    near_rows: Callable[..., Any]


_opened: list[Loops] = []


def loops() -> Loops | None:
    """What has been opened in this process."""
    return _opened[0] if _opened else None


def use(found: Loops | None) -> None:
    """From now on; None for Python and NumPy."""
    _opened[:] = [found] if found else []


def compiled(folder: Path | None) -> Loops | None:
    """To be compiled at the first call, or read from the folder; None without numba."""
    try:
        import numba
        from numba.extending import register_jitable
    except ImportError:
        return None
    if folder is not None:
        kept = folder / f"{FOLDER}-{_stamp()}"
        for other in set(folder.glob(f"{FOLDER}-*")) - {kept}:
            shutil.rmtree(other, ignore_errors=True)
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        numba.config.CACHE_DIR = str(kept)  # type: ignore[attr-defined]
    register_jitable(grid.stretches)
    compiles = numba.njit(cache=folder is not None)
    return Loops(compiles(loop.judge_rows), compiles(loop.near_rows))


def _stamp() -> str:
    """Of all that the loops are made of: numba itself asks only whether the file with the loop has changed."""
    constants = [(name, value) for module in (grid, loop) for name, value in sorted(vars(module).items())
                 if isinstance(value, int | float | tuple)]
    sources = [Path(str(module.__file__)).read_bytes() for module in (grid, loop)]
    return hashlib.sha256(repr((constants, sources)).encode()).hexdigest()[:16]
