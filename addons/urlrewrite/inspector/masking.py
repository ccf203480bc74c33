"""Masking of secrets in what leaves the inspector: exported cases and proposed tests.

What is masked keeps its form: the scheme of credentials, the names of cookies and their attributes, the names of
parameters. A secret that was found in one place is masked everywhere else, too, if it is long enough to be recognized.
"""

from __future__ import annotations

import re

from urlrewrite.model.field_lines import FieldLines

MASK = "***"

_CREDENTIALS = frozenset({"authorization", "proxy-authorization"})
_SECRET_FIELD = re.compile(
    r"api-?key|apikey|token|secret|passw|^x-amz-(?:signature|credential)|^x-auth|session-?id|^authentication-info$"
    r"|^cf-access-jwt|^x-forwarded-client-cert$|^x-client-cert"
)
_NOT_SECRET = frozenset({"content-security-policy", "access-control-allow-headers", "access-control-expose-headers"})
_SECRET_PARAMETER = (
    r"(?:[\w.-]{0,40}(?:token|passwords?|passwd|secret|api[_-]?key|apikey|signature)|pwd|pass|code|sig|jwt|assertion"
    r"|samlresponse|samlrequest|x-amz-credential|session_?id|sid|phpsessid|jsessionid|ticket|otp)"
)
_VALUE = r"(?:(?!%26|%23|%3B)[^&;#\s\"'<>,])*"
_PARAMETER = re.compile(rf"((?:[?&#]|%3F|%26|%23|%3B){_SECRET_PARAMETER})(=|%3D)({_VALUE})", re.IGNORECASE)
_PATH_PARAMETER = re.compile(rf"(;{_SECRET_PARAMETER})(=)([^?&;#\s\"'<>,]*)", re.IGNORECASE)
_USER = re.compile(r"((?:https?|wss?|ftp)://)([^\s/?#@\"'<>]+)@", re.IGNORECASE)
_SCHEME = re.compile(r"([A-Za-z][\w-]*)\s+(\S.*)", re.DOTALL)

_KNOWN_AGAIN = 8
"""Characters of a secret from which it is searched for elsewhere: shorter ones are words that appear everywhere."""

_MAX_SECRETS = 200


class Mask:
    """A mask for what belongs together: one request with its response.

    `known_again` are the characters of a secret from which it is searched for elsewhere.
    """

    def __init__(self, known_again: int = _KNOWN_AGAIN) -> None:
        self._secrets: dict[str, None] = {}
        self._known_again = known_again

    def fields(self, fields: FieldLines) -> FieldLines:
        """Return field lines with their secrets masked."""
        return tuple((name, self.field(name, value)) for name, value in fields)

    def field(self, name: str, value: str) -> str:
        """Return the value of one field line with its secrets masked."""
        lower = name.lower()
        if lower in _CREDENTIALS:
            scheme = _SCHEME.fullmatch(value.strip())
            return f"{scheme[1]} {self._hidden(scheme[2])}" if scheme else self._hidden(value)
        if lower == "cookie":
            return ";".join(map(self._cookie, value.split(";")))
        if lower == "set-cookie":
            pair, semicolon, attributes = value.partition(";")
            return self._cookie(pair) + semicolon + attributes
        if lower not in _NOT_SECRET and _SECRET_FIELD.search(lower):
            return self._hidden(value)
        return self.url(value)

    def url(self, text: str) -> str:
        """Return a text with the secrets of its URLs masked: parameters with secret values, and user information."""
        text = _USER.sub(lambda found: f"{found[1]}{self._hidden(found[2])}@", text)
        for pattern in (_PARAMETER, _PATH_PARAMETER):
            text = pattern.sub(lambda found: found[1] + found[2] + self._hidden(found[3]), text)
        return text

    def text(self, text: str) -> str:
        """Return a text with every secret masked that has been found so far."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text

    def _cookie(self, pair: str) -> str:
        """Return `name=value` with its value masked; a pair without a name is masked as a whole."""
        name, equals, value = pair.partition("=")
        if equals:
            return f"{name}={self._hidden(value)}"
        return pair[: len(pair) - len(pair.lstrip())] + self._hidden(pair.strip())

    def _hidden(self, secret: str) -> str:
        bare = secret.strip().strip('"')
        if not bare:
            return secret
        if len(bare) >= self._known_again and len(self._secrets) < _MAX_SECRETS:
            self._secrets[bare] = None
        return MASK
