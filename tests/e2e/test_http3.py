"""A browser loads a page over HTTP/3."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from e2e.support.browser import Visitor
from e2e.support.gallery import PICTURES, UPLOADS, gallery
from e2e.support.proxy import Proxy

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

RULES = """
public: https://localhost:HTTPS_PORT
backend: http://privateserver:8080
connect: 127.0.0.1:BACKEND
links: everywhere
"""
HOW = """
[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .map((entry) => [new URL(entry.name).pathname, entry.nextHopProtocol, entry.responseStatus])
"""


def test_a_page_of_many_pictures_and_uploads(start_proxy: Callable[..., Proxy], visit: Callable[..., Visitor]) -> None:
    with gallery() as backend:
        proxy = start_proxy(RULES.replace("BACKEND", str(backend)))
        visitor = visit([proxy.https], proxy.ca, http3=True)
        visitor.page.goto(proxy.https)
        visitor.page.wait_for_selector("[data-sizes]", state="attached")
        assert visitor.page.locator("html").get_attribute("data-sizes") == " ".join(["100000"] * UPLOADS)
        assert (
            visitor.page.evaluate("[...document.images].filter((image) => image.naturalWidth === 8).length") == PICTURES
        )
        got = visitor.page.evaluate(HOW)
        assert len(got) >= 1 + PICTURES + UPLOADS
        assert {(version, status) for _, version, status in got} == {("h3", 200)}, got
