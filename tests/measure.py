"""What `./run.sh measure` runs: every package of `tests/` that can be run, by its name."""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent


def measures() -> dict[str, str]:
    """Names, and the first line of what `__main__.py` says of itself."""
    return {
        main.parent.name: (ast.get_docstring(ast.parse(main.read_bytes())) or "").partition("\n")[0]
        for main in sorted(TESTS.glob("*/__main__.py"))
    }


def main(arguments: list[str]) -> int:
    """Runs one of them with the arguments that follow its name, or lists them; returns the exit code."""
    known = measures()
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: ./run.sh measure NAME [ARGUMENTS]      each has its own --help; all are too long for the suite\n")
        width = max(map(len, known))
        print("\n".join(f"  {name:<{width}}  {said}" for name, said in known.items()))
        return 0
    name, *rest = arguments
    if name not in known:
        print(f"run.sh: measure: got {name!r}, expected one of {', '.join(known)}", file=sys.stderr)
        return 2
    sys.path[:0] = [str(TESTS.parent / "addons"), str(TESTS)]
    sys.argv[1:] = rest
    runpy.run_module(name, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
