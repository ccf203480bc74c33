"""Settings and rules of a site as YAML: what is proposed, to be put into a rule file."""

from __future__ import annotations

from collections.abc import Mapping

from urlrewrite.formats.yaml.export_rules import add_own, texts
from urlrewrite.formats.yaml.export_text import Map, document
from urlrewrite.model import Section


def site_yaml(settings: Mapping[str, str | tuple[str, ...]], section: Section | None = None) -> str:
    """Return the lines of a site that have these settings, and the rules of a section."""
    root = Map(block=True)
    for key, value in settings.items():
        root.add(key, value if isinstance(value, str) else texts(value))
    if section:
        add_own(root, section)
    return document(root)
