"""Templates that give every page one address: lowercase, canonical host name, trailing slash."""

from __future__ import annotations

from urlrewrite.formats.wizards.parts import Draft, Parameters, authority_pattern, one_of, publication_of

SLASHES = ("append", "remove")


def lowercase(given: Parameters) -> Draft:
    """Make "Enforce lowercase URLs". Raises ValueError."""
    return publication_of(given).draft("lowercase", "One spelling of every address, in lower case.")


def canonical_host(given: Parameters) -> Draft:
    """Make "Canonical domain name". The first public name is the canonical one. Raises ValueError."""
    published = publication_of(given)
    canonical, *others = published.names
    if not others:
        expected = "the other names of the site after it, each with a --public of its own"
        raise ValueError(f"public: got only {published.public}, expected {expected}")
    return published.draft(
        "canonical-host",
        "One name for a site that answers to several.",
        host_pattern=authority_pattern(canonical),
        others=[{"name": str(name)} for name in others if name.authority != canonical.authority],
    )


def trailing_slash(given: Parameters) -> Draft:
    """Make "Append or remove the trailing slash symbol". Raises ValueError."""
    if one_of("action", given.action, SLASHES) == "append":
        return publication_of(given).draft("append-slash", "Every address but those of files ends in a slash.")
    return publication_of(given).draft("remove-slash", "No address ends in a slash.")
