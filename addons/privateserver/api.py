"""A JSON API that pages by links, and the echo of a request."""

from __future__ import annotations

import json
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import HTTPError

from privateserver.catalogue import AUTHORITY, JSON, ORIGIN, Group, Page, Reply

ITEMS = 12
ITEMS_A_PAGE = 5
ORDERS = 4
ORDERS_A_PAGE = 2


def dumped(value: object) -> bytes:
    """Return JSON with escaped slashes, as PHP and ASP.NET write it."""
    return json.dumps(value, indent=1).replace("/", "\\/").encode()


def number(request: HTTPServerRequest, name: str, default: int, low: int, high: int) -> int:
    """Return a number in the query.

    Raises:
        HTTPError: 400 where it is not a number or out of range.
    """
    text = request.query_arguments.get(name, [str(default).encode()])[-1]
    # int() alone would take blanks, signs and underscores, and complain about long strings.
    if not text.isdigit() or len(text) > 12 or not low <= int(text) <= high:
        raise HTTPError(400, reason=f"{name} must be a number from {low} to {high}")
    return int(text)


def items(page: Page, request: HTTPServerRequest) -> Reply:
    """Return a list in pages: the next one is named in ``nextLink`` and in the Link field."""
    last = -(-ITEMS // ITEMS_A_PAGE)
    n = number(request, "page", 1, 1, last)
    numbers = range(1 + (n - 1) * ITEMS_A_PAGE, 1 + min(n * ITEMS_A_PAGE, ITEMS))
    page_of_items: dict[str, Any] = {
        "items": [
            {"name": f"Item {i}", "url": f"{ORIGIN}/api/item?id={i}", "image": f"{ORIGIN}/static/photo.png?item={i}"}
            for i in numbers
        ]
    }
    fields: list[tuple[str, str]] = []
    if n < last:
        page_of_items["nextLink"] = f"{ORIGIN}/api/items?page={n + 1}"
        fields.append(("Link", f'<{ORIGIN}/api/items?page={n + 1}>; rel="next", <{ORIGIN}/api/items>; rel=first'))
    else:
        fields.append(("Link", f"<{ORIGIN}/api/items>; rel=first"))
    return Reply(body=dumped(page_of_items), headers=tuple(fields))


def item(page: Page, request: HTTPServerRequest) -> Reply:
    """Return one item of the list."""
    i = number(request, "id", 1, 1, ITEMS)
    return Reply(body=dumped({"name": f"Item {i}", "url": f"{ORIGIN}/api/item?id={i}"}))


def _order(i: int) -> dict[str, object]:
    return {"id": i, "_links": {"self": {"href": f"{ORIGIN}/api/orders?id={i}"}}}


def orders(page: Page, request: HTTPServerRequest) -> Reply:
    """Return orders in the hypertext application language (HAL): a page of the list, or one by its id."""
    if "id" in request.query_arguments:
        return Reply(body=dumped(_order(number(request, "id", 1, 1, ORDERS))))
    start = number(request, "start", 1, 1, ORDERS)
    links = {"self": {"href": f"{ORIGIN}/api/orders?start={start}"}, "find": {"href": f"{ORIGIN}/api/orders{{?id}}"}}
    if start + ORDERS_A_PAGE <= ORDERS:
        links["next"] = {"href": f"{ORIGIN}/api/orders?start={start + ORDERS_A_PAGE}"}
    shown = [_order(i) for i in range(start, min(start + ORDERS_A_PAGE, ORDERS + 1))]
    return Reply(body=dumped({"_links": links, "_embedded": {"orders": shown}}))


def description(page: Page, request: HTTPServerRequest) -> Reply:
    """Return the API described by host (Swagger 2) and by URL (OpenAPI 3)."""
    servers = [{"url": f"{ORIGIN}/api"}, {"url": f"//{AUTHORITY}/api"}]
    described = {"host": AUTHORITY, "basePath": "/api", "servers": servers}
    return Reply(body=json.dumps(described).encode())


def created(page: Page, request: HTTPServerRequest) -> Reply:
    """Respond 201 with the address of what was created."""
    url = f"{ORIGIN}/api/item?id=1"
    return Reply(status=201, body=dumped({"created": url}), headers=(("Location", url),))


def echo(page: Page, request: HTTPServerRequest) -> Reply:
    """Return the request as this server saw it; only the letter case of field names is tornado's."""
    seen = {
        "method": request.method,
        "path": request.uri,
        "version": request.version,
        "headers": [[name, value] for name, value in request.headers.get_all()],
        "body": request.body.decode(errors="replace"),
    }
    return Reply(body=json.dumps(seen, indent=1).encode())


ANY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

API = Group(
    "Interfaces for programs",
    (
        Page(
            path="/api/items",
            title="A list in pages",
            problem="Each page of the list names the next one, with escaped slashes and in a Link field.",
            expect="Whoever follows the links sees twelve items.",
            serve=items,
            kind="resource",
            content_type=JSON,
        ),
        Page(
            path="/api/item",
            title="One item",
            problem="An object names its own address.",
            expect="The address is public.",
            serve=item,
            kind="resource",
            content_type=JSON,
        ),
        Page(
            path="/api/orders",
            title="Orders with _links",
            problem="HAL puts URLs, and URL templates, under _links.",
            expect="All of them are public.",
            serve=orders,
            kind="resource",
            content_type="application/hal+json",
        ),
        Page(
            path="/api/description",
            title="A description of the API",
            problem="The host stands by itself, without a scheme.",
            expect="The host and the URLs are public.",
            serve=description,
            kind="resource",
            content_type=JSON,
        ),
        Page(
            path="/api/created",
            title="Created",
            problem="201 with a Location that is no redirect.",
            expect="Location and body name the public URL.",
            serve=created,
            kind="resource",
            content_type=JSON,
            status=201,
            methods=("GET", "POST"),
        ),
        Page(
            path="/echo",
            title="The request as the backend saw it",
            problem="Which Host, Origin, Referer and X-Forwarded fields arrive?",
            expect="Method, path, fields and body as JSON. Names of the backend in it are mapped as anywhere else.",
            serve=echo,
            kind="resource",
            content_type=JSON,
            keeps=None,
            named=False,
            methods=ANY_METHOD,
        ),
        Page(
            path="/echo/raw",
            title="The same, as bytes that nobody rewrites",
            problem="In the echo above the mapping hides what the backend saw.",
            expect="The same JSON as application/octet-stream, which passes unchanged.",
            serve=echo,
            kind="resource",
            content_type="application/octet-stream",
            keeps=None,
            named=False,
            methods=ANY_METHOD,
        ),
    ),
)
