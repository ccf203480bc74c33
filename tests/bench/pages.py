"""The pages of the benchmark, for a backend that calls itself `http://privateserver:8080`."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import io
import pydoc
import re
from pathlib import Path

BACKEND = "http://privateserver:8080"
SIZES = {"10 kB": 10_000, "100 kB": 100_000, "1 MB": 1_000_000, "10 MB": 10_000_000}
DENSE = (
    '<li class="item"><a href="{backend}/page/{number}">Words between links</a> <img src="{backend}/i/{number}.png">\n'
)
DOCUMENTED = ("ssl", "typing", "decimal", "argparse", "email.message", "unittest.mock", "asyncio.events", "tarfile")


def dense(size: int) -> str:
    """A generated page of about `size` bytes with some nine links on each kilobyte and nothing else to speak of."""
    head, tail = "<!DOCTYPE html>\n<title>A page</title>\n<ul>\n", "</ul>\n"
    lines: list[str] = []
    length = len(head) + len(tail)
    while length < size:
        lines.append(DENSE.format(backend=BACKEND, number=len(lines)))
        length += len(lines[-1])
        if len(lines) % 2:
            lines.append("<p>" + "Text that names nobody. " * 3 + "\n")
            length += len(lines[-1])
    return head + "".join(lines) + tail


def documentation(size: int) -> str:
    """A page of about `size` bytes that Python's own `pydoc` writes about its library, with absolute links."""
    writer = pydoc.HTMLDoc()
    pieces: list[str] = []
    length = 0
    while length < size:
        module = importlib.import_module(DOCUMENTED[len(pieces) % len(DOCUMENTED)])
        with contextlib.redirect_stdout(io.StringIO()):
            text = writer.docmodule(module)
        pieces.append(re.sub(r'href="(?![#a-z]+:|#)', f'href="{BACKEND}/', text))
        length += len(pieces[-1])
    text = "".join(pieces)
    return writer.page("The library", text[: text.rindex("<", 0, size)])


def write_pages(root: Path) -> dict[str, str]:
    """Writes all pages, each with a compressed twin that nginx serves by `gzip_static`; title to file name."""
    names = {}
    for kind, make in (("dense", dense), ("pydoc", documentation)):
        for title, size in SIZES.items():
            name = f"{kind}-{size}.html"
            data = make(size).encode()
            (root / name).write_bytes(data)
            (root / f"{name}.gz").write_bytes(gzip.compress(data, 6))
            names[f"{kind} {title}"] = name
    return names
