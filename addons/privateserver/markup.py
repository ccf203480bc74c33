"""The frame that all HTML pages share: head, legend, and the script by which a page proves itself."""

from __future__ import annotations

from html import escape

from tornado.httputil import HTTPServerRequest

from privateserver.catalogue import ORIGIN, Page, Reply, Serve, stored

HEAD_MARK = "<!--#head-->"
LEGEND_MARK = "<!--#legend-->"


def head(page: Page, charset: str | None = "utf-8") -> str:
    """Return what stands in ``<head>``; with ``charset`` None nothing declares one."""
    declared = f'<meta charset="{charset}">\n' if charset else ""
    return (
        f"{declared}<title>{escape(page.title)}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="{ORIGIN}/favicon.ico">\n'
        f'<link rel="stylesheet" href="{ORIGIN}/static/site.css">\n'
        f'<script src="{ORIGIN}/static/proof.js"></script>'
    )


def legend(page: Page) -> str:
    """Return the title of a page, its problem and what is to be seen."""
    remains = ""
    if page.kept != 0:
        count = "" if page.kept is None else f"{page.kept} times: "
        remains = f"<dt>Remains</dt><dd>the backend's name, {count}{escape(page.why)}</dd>"
    return (
        f'<nav><a href="{ORIGIN}/">All pages</a></nav>\n<h1>{escape(page.title)}</h1>\n<dl class="legend">'
        f"<dt>Problem</dt><dd>{escape(page.problem)}</dd>"
        f"<dt>Behind the proxy</dt><dd>{escape(page.expect)}</dd>{remains}</dl>"
    )


def document(page: Page, main: str, *, charset: str | None = "utf-8") -> str:
    """Return a whole page around ``main``."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n{head(page, charset)}\n</head>\n<body>\n{legend(page)}\n'
        f"<main>\n{main}\n</main>\n</body>\n</html>\n"
    )


def framed(name: str, *headers: tuple[str, str]) -> Serve:
    """Return a handler for a file below ``files/html``, with head and legend put in where it marks them."""

    def serve(page: Page, request: HTTPServerRequest) -> Reply:
        text = stored(f"html/{name}").decode()
        text = text.replace(HEAD_MARK, head(page)).replace(LEGEND_MARK, legend(page))
        return Reply(body=text.encode(), headers=headers)

    return serve


def message(page: Page, request: HTTPServerRequest) -> Reply:
    """Return a page that has nothing to show but its legend and a few links."""
    return Reply(body=document(page, links()).encode())


def links() -> str:
    """Return a few absolute links and an image, for pages whose problem lies elsewhere."""
    return (
        f'<p><img src="{ORIGIN}/static/photo.png" alt="a picture"></p>\n'
        f'<p>On to <a href="{ORIGIN}/arrived">the page of arrival</a> or to '
        f"<a href='{ORIGIN}/html/iis-tags?from=links&amp;n=1'>the tags</a>.</p>"
    )


def whole(paragraphs: int) -> str:
    """Return a check that so many paragraphs arrived. It stands before them: a page that breaks off must not lose it
    too.
    """
    return (
        '<script>\nproof.check("the page is whole", () => {\n'
        '  const count = document.querySelectorAll("main p").length;\n'
        f"  proof.assert(count === {paragraphs}, `${{count}} of {paragraphs} paragraphs`);\n}});\n</script>"
    )
