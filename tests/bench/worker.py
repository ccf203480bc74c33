"""One checkout at work, for `bench --against`: `python worker.py CHECKOUT`, with the work as JSON in the first line.

Each further line names a part, and is answered by the seconds of the processor that its work took. Whatever the rooms
of a checkout are called, its own `tests/rules_of.py` knows how to ask it; nothing else of it is imported here.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any


def main() -> None:
    """Works until there are no more lines."""
    checkout = Path(sys.argv[1]).resolve()
    sys.path[:0] = [str(checkout / "addons"), str(checkout / "tests")]
    import rules_of
    import urlrewrite

    for module in (rules_of, urlrewrite):
        assert Path(str(module.__file__)).is_relative_to(checkout), module.__file__
    work = {name: _work(rules_of, part) for name, part in json.loads(sys.stdin.readline()).items()}
    for line in sys.stdin:
        run = work[line.strip()]
        began = process_time()
        run()
        print(process_time() - began, flush=True)


def _work(rules_of: Any, part: dict[str, Any]) -> Callable[[], None]:
    rules = rules_of.rules_of(part["rules"])
    answer = (part["status"], [tuple(line) for line in part["fields"]], base64.b64decode(part["body"]))

    def run() -> None:
        for _ in range(part["rounds"]):
            for url in part["urls"]:
                rules_of.ask(rules, url, answer=answer)

    result = rules_of.ask(rules, part["urls"][0], answer=answer)
    fields = {name.lower(): value for name, value in result.fields}
    if part["expected"] not in (result.body or b"").decode() + fields.get("location", ""):
        sys.exit(f"{part['expected']!r} is not in what came of {part['urls'][0]}: {result.fields}")
    return run


if __name__ == "__main__":
    main()
