"""Where the files are that lie beside the package."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve()


def project() -> Path:
    """Return the folder with `addons/reverse.py` and `rules/`: the checkout, or that of an installed package."""
    checkout = _HERE.parents[3]
    return checkout if (checkout / "addons" / "reverse.py").is_file() else _HERE.parents[2] / "mitm_urlrewrite"
