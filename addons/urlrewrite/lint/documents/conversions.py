"""The documentation of the ids that conversions give: Apache's files read, files for IIS written."""

from __future__ import annotations

from urlrewrite.lint.registry import document

_NOT_IIS = "Has no such thing."
_APACHE = "Knows nothing of Apache; the import of IIS Manager leaves such lines out with a comment."

document(
    "UR031",
    "Something that IIS does not have, or has elsewhere",
    means="An exported file for IIS lacks something that the rules have: a certificate, trustedProxies, tests.",
    iis="Has it in another place (bindings, the settings of ARR), or not at all.",
    here="Left out of the export; the rules themselves are as they were.",
    write="In IIS Manager what the message says; or nothing.",
)
document(
    "UR032",
    "A setting exported as rules",
    means="An exported file for IIS has rules for what is one setting here: `backend:`, `links:`.",
    iis="Does what the rules say, which is less; comments in the file tell what they do not cover.",
    here="Does it without rules.",
    write="Nothing, if the message is as you expect.",
)
document(
    "UR033",
    "A text that XML cannot hold",
    means="A text to be exported for IIS has a character that XML does not allow, such as a control character.",
    iis=_NOT_IIS,
    here="Nothing is written.",
    write="In a pattern `\\x07` for the character itself.",
)
document(
    "UR040",
    "A line that Apache would refuse",
    means="A line of an Apache configuration is not complete, has flags that do not exist, or cannot be meant so.",
    iis=_APACHE,
    here="The rules are not loaded.",
    write="The line as `apachectl configtest` accepts it.",
)
document(
    "UR041",
    "An expression of Apache that cannot be converted",
    means="Apache's expressions are PCRE. A part of this one is not valid, or ECMAScript, which IIS has, cannot "
    "express it: atomic groups, recursion and the like.",
    iis=_APACHE,
    here="The rules are not loaded.",
    write="The expression without that part; mostly `(...)` for `(?>...)`.",
)
document(
    "UR042",
    "Something of Apache that no rule of IIS can express",
    means="Without it the rules would mean something else, and IIS has nothing of the kind.",
    iis=_APACHE,
    here="The rules are not loaded.",
    write="Another way to the same end; the message has one if there is one.",
)
document(
    "UR043",
    "Something of Apache that is left out",
    means="It is not converted: the rules do the same without it, or it does something that is not done here. "
    "rules/apache.md lists the directives.",
    iis=_APACHE,
    here="Left out. What keeps clients out is never left out in this way: see UR026.",
    write="What the message says; nothing, where the backend does it.",
)
document(
    "UR044",
    "Converted to the nearest that IIS has",
    means="Something of Apache has become something of IIS that is not quite the same; the message says where they "
    "differ.",
    iis="Does what the converted rule says.",
    here="The same.",
    write="Look at the converted rule: `run.sh convert` prints it.",
)
document(
    "UR045",
    "An assumption about the Apache server",
    means="The meaning of a file depends on where it lies and on the server around it. The message says what was taken "
    "for granted.",
    iis="Does what the converted rule says.",
    here="The same.",
    write="`RewriteBase`, or the other directive that the message names, if the assumption is wrong.",
)
document(
    "UR046",
    "Rules that Apache would run again",
    means="In a directory Apache runs all rules again on what a rule has made of the URL, until nothing changes.",
    iis="Runs them once.",
    here="Runs them once.",
    write="`[END]` for `[L]` in Apache to have the same in both; or one more rule.",
)
document(
    "UR047",
    "A redirect after which Apache would go on",
    means="A RewriteRule has the flag R and not L: in Apache the rules after it may still change the target.",
    iis="A redirect ends the evaluation.",
    here="The same as IIS.",
    write="`[R,L]`.",
)
document(
    "UR048",
    "A redirect without the flag R",
    means="A RewriteRule has an absolute URL and neither R nor P. Apache takes that as a redirect, if the host is not "
    "its own.",
    iis="A Rewrite to an absolute URL would be proxied.",
    here="Converted to a Redirect.",
    write="`[R=302,L]` to redirect, `[P]` to proxy.",
)
document(
    "UR049",
    "A part of an Apache file without effect",
    means="Something can never match, or has nothing to act on, such as a RewriteCond without a rule after it.",
    iis=_APACHE,
    here="Left out.",
    write="The file without it, or what it lacks.",
)
document(
    "UR050",
    "A RewriteMap that cannot be used",
    means="The map cannot be read, or is of a kind that rules of IIS cannot ask: a program, a database.",
    iis=_APACHE,
    here="The rules are not loaded, or the map is empty; the message says which.",
    write="A text map (`txt:`), whose lines become a rewrite map.",
)
