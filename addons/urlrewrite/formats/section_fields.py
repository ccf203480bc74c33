"""The arguments that a level (the server, a site or a location) is made of, as the readers collect them.

What a level does not say is left out, and has the default of `Section`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from urlrewrite.model import (
    CustomTags,
    InboundRule,
    OutboundRule,
    PreCondition,
    Provider,
    Removal,
    RewriteMap,
)
from urlrewrite.model.web_server import WebServer


class SharedFields(TypedDict, total=False):
    """What is the server's in a file with only one site."""

    rewrite_maps: Mapping[str, RewriteMap]
    providers: Mapping[str, Provider]


class OwnFields(TypedDict, total=False):
    """What always belongs to the level that says it."""

    rules: tuple[InboundRule, ...]
    outbound_rules: tuple[OutboundRule, ...]
    pre_conditions: Mapping[str, PreCondition]
    custom_tags: Mapping[str, CustomTags]
    allowed_server_variables: tuple[str, ...] | None
    removals: tuple[Removal, ...]
    use_original_url_encoding: bool | None
    rewrite_before_cache: bool | None
    comments: Mapping[str, str]
    web_server: WebServer
    silenced: tuple[str, ...]


class SectionFields(OwnFields, SharedFields):
    """All of them."""
