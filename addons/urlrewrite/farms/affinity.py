"""Which server a client comes back to: by a cookie, or by the host name that it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from math import log

from urlrewrite.farms.load import ServerLoad
from urlrewrite.farms.ring import hash64
from urlrewrite.model.farms import Affinity
from urlrewrite.model.field_lines import FieldLine, FieldLines


def token_of(name: str) -> str:
    """Return what ARR writes into the cookie for a server: SHA-256 of its lower-cased name in UTF-16LE, as hex."""
    return sha256(name.lower().encode("utf-16-le", "surrogatepass")).hexdigest()


def take_token(fields: FieldLines, cookie: str) -> tuple[str, FieldLines]:
    """Return the client's token, in lower case, and the request's fields without it; "" where there is none.

    The cookie is the proxy's own: no backend gets to see it. Other cookies keep their bytes. Of several tokens the
    first one counts.
    """
    token = ""
    lines: list[FieldLine] = []
    for name, value in fields:
        if name.lower() != "cookie" or cookie not in value:
            lines.append((name, value))
            continue
        kept = []
        for pair in value.split(";"):
            key, equals, text = pair.partition("=")
            if equals and key.strip() == cookie:
                token = token or text.strip().lower()
            else:
                kept.append(pair)
        if left := ";".join(kept).strip():
            lines.append((name, left))
    return token, tuple(lines)


def set_cookie(affinity: Affinity, name: str, *, https: bool, arr_domain: str = "") -> str:
    """Return the value of the Set-Cookie field that binds a client to a server until its browser is closed.

    `arr_domain` writes the cookie as ARR 3 does, with that Domain and nothing against scripts.
    """
    parts = [f"{affinity.cookie}={token_of(name)}", "Path=/"]
    if arr_domain:
        return ";".join((*parts, f"Domain={arr_domain}"))
    parts.append("HttpOnly")
    if https:
        parts += ("Secure", f"SameSite={affinity.same_site}")
    if affinity.domain:
        parts.append(f"Domain={affinity.domain}")
    return "; ".join(parts)


def of_host(host: str, candidates: Sequence[ServerLoad]) -> ServerLoad:
    """Return the candidate that a host name belongs to: the one with the highest score for it (rendezvous hashing).

    Needs no memory, so that all workers agree; a server that goes takes along no name but its own.
    """

    def score(load: ServerLoad) -> float:
        point = (hash64(f"{host.lower()} {load.name}") + 1) / (2**64 + 1)
        return -load.server.weight / log(point)

    return max(candidates, key=score)
