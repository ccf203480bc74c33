"""A login: form, cookies for the backend's name, a page that needs them, and a copy with 380 kB that is
sent chunked.
"""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs

from tornado.httputil import HTTPServerRequest

from privateserver.catalogue import NAME, ORIGIN, Group, Page, Reply
from privateserver.markup import document

USER = "demo"
PASSWORD = "demo"

COOKIES = {"session": "7c9e6679f7425c0b", "prefs": "dark", "csrf": "b1946ac92492d234"}
SET_COOKIES = (
    ("Set-Cookie", f"session={COOKIES['session']}; Domain={NAME}; Path=/; HttpOnly"),
    ("Set-Cookie", f"prefs={COOKIES['prefs']}; Domain={NAME}; SameSite=None"),
    ("Set-Cookie", f"csrf={COOKIES['csrf']}; Path=/"),
)
_GONE = "Expires=Thu, 01 Jan 1970 00:00:00 GMT"
UNSET_COOKIES = (
    ("Set-Cookie", f"session=; Domain={NAME}; Path=/; {_GONE}"),
    ("Set-Cookie", f"prefs=; Domain={NAME}; Path=/; {_GONE}"),
    ("Set-Cookie", f"csrf=; Path=/; {_GONE}"),
)

BIG = 380_000


def form(target: str, alarm: str = "") -> str:
    """Return the form; ``alarm`` says what was wrong before."""
    said = f'<p class="alarm">{escape(alarm)}</p>\n' if alarm else ""
    return (
        f'{said}<form method="post" action="{ORIGIN}{target}">\n'
        f'<label>User <input name="user" value="" autocomplete="off" placeholder="{USER}"></label>\n'
        f'<label>Password <input name="password" type="password" placeholder="{PASSWORD}"></label>\n'
        "<button>Log in</button>\n</form>"
    )


def known(request: HTTPServerRequest) -> bool:
    """Say whether the posted form names the user and the password."""
    sent = parse_qs(request.body.decode(errors="replace"))
    return sent.get("user") == [USER] and sent.get("password") == [PASSWORD]


def login(page: Page, request: HTTPServerRequest) -> Reply:
    """Respond with the form; if it was posted, with the cookies and a redirect, or with the form again."""
    if request.method != "POST":
        return Reply(body=document(page, form(page.path)).encode())
    if not known(request):
        return Reply(status=401, body=document(page, form(page.path, "Wrong user or password.")).encode())
    return Reply(status=302, headers=(("Location", f"{ORIGIN}/account"), *SET_COOKIES))


def dense(size: int) -> str:
    """Return rows full of links, at least ``size`` bytes of them."""
    rows: list[str] = []
    length = 0
    while length < size:
        n = len(rows) + 1
        rows.append(
            f'<tr><td><a href="{ORIGIN}/arrived?row={n}">Row {n}</a></td>'
            f"<td><a href='{ORIGIN}/api/item?id={n % 12 + 1}&amp;row={n}'"
            f' data-row="{ORIGIN}/arrived?data={n}">item</a></td>'
            f"<td>Text without any link, so that the page is not made of links alone: {n * 7919 % 1000}</td></tr>\n"
        )
        length += len(rows[-1])
    check = (
        '<script>\nproof.check("all rows", async () => {\n'
        '  const rows = document.querySelectorAll("#rows a");\n'
        f"  proof.assert(rows.length === {2 * len(rows)}, `${{rows.length}} links`);\n"
        "  await proof.get(rows[rows.length - 1].href);\n});\n</script>"
    )
    return f'{check}\n<table id="rows">\n{"".join(rows)}</table>'


def big_login(page: Page, request: HTTPServerRequest) -> Reply:
    """Respond as ``login``, in 380 kB; to a posted form chunked, with the cookies but without a redirect."""
    if request.method != "POST":
        return Reply(body=document(page, f"{form(page.path)}\n{dense(BIG)}").encode())
    if not known(request):
        return Reply(status=401, body=document(page, form(page.path, "Wrong user or password.")).encode())
    welcome = f'<p id="welcome">Welcome. On to <a href="{ORIGIN}/account">your account</a>.</p>'
    return Reply(body=document(page, f"{welcome}\n{dense(BIG)}").encode(), headers=SET_COOKIES, chunked=True)


def account(page: Page, request: HTTPServerRequest) -> Reply:
    """Return a page that needs all three cookies."""
    sent = {name: morsel.value for name, morsel in request.cookies.items()}
    missing = [name for name, value in COOKIES.items() if sent.get(name) != value]
    if missing:
        said = f'<p class="alarm">Not logged in: no cookie {escape(", ".join(missing))}.</p>'
        return Reply(status=403, body=document(page, f'{said}\n<p><a href="{ORIGIN}/login">Log in</a></p>').encode())
    welcome = f'<p id="welcome">Logged in as {USER}.</p>\n<p><a href="{ORIGIN}/logout">Log out</a></p>'
    return Reply(status=200, body=document(page, welcome).encode())


def logout(page: Page, request: HTTPServerRequest) -> Reply:
    """Take the cookies back."""
    return Reply(headers=(("Location", f"{ORIGIN}/login"), *UNSET_COOKIES))


LOGIN = Group(
    "Login",
    (
        Page(
            path="/login",
            title="Log in",
            problem="The form posts to an absolute URL; cookies name the backend as domain and are not Secure.",
            expect="After demo and demo, the account. The browser keeps all three cookies for the public name.",
            serve=login,
            methods=("GET", "POST"),
        ),
        Page(
            path="/account",
            title="Account",
            problem="The page needs three cookies: one HttpOnly, one SameSite=None, one without a domain.",
            expect="200 after the login; without it 403, which says what is missing.",
            serve=account,
            kind="error",
            status=403,
        ),
        Page(
            path="/logout",
            title="Log out",
            problem="The cookies are taken back with the backend's name as their domain.",
            expect="The browser has no cookie left and shows the form.",
            serve=logout,
            kind="redirect",
            status=302,
            final=200,
        ),
        Page(
            path="/login-big",
            title="Log in to a large page",
            problem="380 kB dense with links; the response to the form is as large and sent chunked.",
            expect="Every link of the page is public, and the account opens after the login.",
            serve=big_login,
            methods=("GET", "POST"),
        ),
    ),
)
