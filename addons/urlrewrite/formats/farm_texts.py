"""Values of server farms as authors write them: servers, ranges of status codes, shares, names of the query."""

from __future__ import annotations

import ipaddress
import re

from urlrewrite.formats.addresses import ascii_host, origin_of, parse_host_port
from urlrewrite.formats.wording import listed, shown
from urlrewrite.model.farms import StatusRange
from urlrewrite.model.field_lines import is_token

MIN_STATUS, MAX_STATUS = 100, 599
PORTS = range(1, 65536)
UINT = range(2**32)
"""What IIS calls `uint`."""
MAX_WEIGHT = 65535
"""IIS allows more; a server has as many points on the ring of RequestHash as its weight says."""

SAME_SITE = ("Lax", "Strict", "None")

_RANGE = re.compile(r"(\d{3})(?:\s*(-)\s*(\d{3})?)?")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)\s*%")


def parse_statuses(text: str) -> tuple[StatusRange, ...]:
    """Parse codes and ranges of status codes such as `200-399` or `200,204,300-`; an open range ends at 599.

    Raises ValueError with "got X, expected Y".
    """
    found = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        first = int(match[1]) if match else 0
        last = first if match is None or not match[2] else int(match[3] or MAX_STATUS)
        if not MIN_STATUS <= first <= last <= MAX_STATUS:
            raise ValueError(
                f"got {shown(text)}, expected status codes and ranges of them such as 200-399 or 200,204,500-"
            )
        found.append((first, last))
    return tuple(found)


def write_statuses(ranges: tuple[StatusRange, ...]) -> str:
    """Write ranges of status codes, in IIS as here."""
    return ",".join(
        str(first) if first == last else f"{first}-{'' if last == MAX_STATUS else last}" for first, last in ranges
    )


def parse_share(text: str) -> float:
    """Parse `20%` into 0.2. Raises ValueError with "got X, expected Y"."""
    found = _SHARE.fullmatch(text)
    if not found or float(found[1]) > 100:
        raise ValueError(f"got {shown(text)}, expected a share from 0% to 100% such as 20%")
    return round(float(found[1]) / 100, 6)


def write_share(share: float) -> str:
    """Write 0.2 as `20%`."""
    return f"{round(share * 100, 4):.4f}".rstrip("0").rstrip(".") + "%"


def parse_address(text: str) -> str:
    """Parse the name or IP address of a server, without a port; letters keep their case.

    Raises ValueError with "got X, expected Y".
    """
    host = ascii_host(text.removeprefix("[").removesuffix("]") if ":" in text else text)
    return text if host == text.lower() else host


def parse_server(text: str) -> tuple[str, int]:
    """Parse the short form of a server, `10.0.0.1:8080` or an address alone, into address and port; 0 for none.

    Raises ValueError with "got X, expected Y".
    """
    try:
        return ipaddress.ip_address(text.removeprefix("[").removesuffix("]")).compressed, 0
    except ValueError:
        pass
    address, colon, _ = text.rpartition(":")
    if not colon:
        return parse_address(text), 0
    host, port = parse_host_port(text)
    return address if host == address.lower() else host, port


def parse_farm_name(text: str) -> str:
    """Return the name of a farm as written, which has to be a host for rules to name it.

    Raises ValueError with "got X, expected Y".
    """
    if ascii_host(text) != text.lower():
        raise ValueError(f"got {shown(text)}, expected a name such as shop, which can be the host of a URL")
    return text


def parse_cookie_name(text: str) -> str:
    """Return the name of a cookie, which is a token (RFC 6265, 4.1.1), or "" for none.

    Raises ValueError with "got X, expected Y".
    """
    if text and not is_token(text):
        raise ValueError(f"got {shown(text)}, expected the name of a cookie such as ARRAffinity")
    return text


def parse_same_site(text: str) -> str:
    """Return a value of SameSite in its usual spelling. Raises ValueError with "got X, expected Y"."""
    if text.capitalize() not in SAME_SITE:
        raise ValueError(f"got {shown(text)}, expected {listed(SAME_SITE)}")
    return text.capitalize()


def parse_host(text: str) -> str:
    """Return a host as it is sent, or "" for none. Raises ValueError with "got X, expected Y"."""
    return ascii_host(text) if text else ""


def parse_health_url(text: str) -> str:
    """Return what is asked for to test a server: a path, an absolute URL, or "" for nothing, as it can be sent.

    Raises ValueError with "got X, expected Y".
    """
    if "#" in text:
        raise ValueError(f"got {shown(text)}, expected a URL without a fragment, which is never sent")
    if not text.isascii():
        raise ValueError(f"got {shown(text)}, expected ASCII: other characters as %C3%A4, in hosts as xn--...")
    if not text or text.startswith("/"):
        if text.isprintable() and " " not in text and not text.startswith("//"):
            return text
        raise ValueError(f"got {shown(text)}, expected a path such as /health.txt, or an absolute URL")
    origin_of(text)
    return text


def parse_list(text: str) -> tuple[str, ...]:
    """Split names at commas."""
    return tuple(name for part in text.split(",") if (name := part.strip()))
