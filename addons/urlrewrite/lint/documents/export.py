"""The documentation of the ids that the export to other servers gives."""

from __future__ import annotations

from urlrewrite.lint.registry import document

_NOT_IIS = "Has no such thing."

document(
    "UR300",
    "A site that cannot be exported",
    means="The site has something that decides about its requests and that the other server cannot be told of. Nothing "
    "that keeps requests out is ever left away, so no part of the site is exported.",
    iis=_NOT_IIS,
    here="`convert` writes the other sites, and ends with 1.",
    write="What the message says; or keep this proxy for the site.",
)
document(
    "UR301",
    "A rule that cannot be exported",
    means="The other server has nothing for a part of this rule. No condition is ever left away.",
    iis=_NOT_IIS,
    here="`convert` ends with 1. In what it writes, requests that the pattern of the rule matches get 501.",
    write="What the message says.",
)
document(
    "UR302",
    "A rule that depends on what cannot be exported",
    means="Nobody can say which requests come to this rule, or its site is not exported.",
    iis=_NOT_IIS,
    here="`convert` ends with 1. In what it writes, requests that come so far get 501.",
    write="The rule that the message names, as UR301 says of it.",
)
document(
    "UR303",
    "A rule that is exported nearly",
    means="The other server does nearly the same; the message says in what it differs.",
    iis=_NOT_IIS,
    here="Exported.",
    write="Nothing, if the difference does not matter.",
)
document(
    "UR304",
    "An outbound rule, which is not exported",
    means="Rules for responses are not exported: no server rewrites pages as exactly as its rules say.",
    iis=_NOT_IIS,
    here="`convert` ends with 1; the rest is exported.",
    write="`proxy_redirect`, `proxy_cookie_domain` or `sub_filter` by hand; or keep this proxy for such pages.",
)
document(
    "UR305",
    "Something that stays behind",
    means="The site has a setting that is not exported. Requests go the same way without it.",
    iis=_NOT_IIS,
    here="Exported without it.",
    write="What the message says, by hand; or nothing.",
)
document(
    "UR306",
    "A rule that nginx can only say with njs",
    means="The rule asks for a function, for a file, or for more of what its patterns captured than nginx can say in "
    "its own words.",
    iis=_NOT_IIS,
    here="With `--plain`, `convert` ends with 1, and requests that the pattern of the rule matches get 501. Without "
    "it the rule is exported.",
    write="The command without `--plain`; Debian has njs as libnginx-mod-http-js.",
)
