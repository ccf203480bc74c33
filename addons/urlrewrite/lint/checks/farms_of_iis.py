"""The check of what IIS's server farms have and those here have not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from urlrewrite.formats.xml.arr_schema import DEFAULT_PROVIDERS, FARM_KEPT, KEPT, READ, ROUTING
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.views import FarmsView, quoted
from urlrewrite.model import ConfigElement


@check(
    "UR207",
    "A setting of a farm that is kept and not honoured",
    FarmsView,
    means="ARR or the Web Farm Framework has a setting in `<webFarms>` that is read and written again, and has no "
    "effect here: buffers, caches, providers, what provisions servers.",
    iis="Does what it says.",
    here="The setting has no effect.",
    write="In YAML what comes near it: `tls:` for client certificates, `minServers` for `minimumServers`; a cache such "
    "as nginx in front for `cache` and `diskCache`. Else nothing: it stays in `webFarms:` for the way back to IIS.",
)
def not_honoured(view: FarmsView) -> Iterator[Finding]:
    if view.rule_set.web_farms:
        yield from _not_honoured(view.rule_set.web_farms, "")


def _not_honoured(element: ConfigElement, farm: str) -> Iterator[Finding]:
    """Find what has an effect in IIS, in an element and beneath it."""
    kind = element.name.casefold()
    own = {name.casefold(): value for name, value in element.attributes.items()}
    farm = own.get("name", "") if kind == "webfarm" else farm
    of_farm = f"the farm {quoted(farm)}: " if farm else ""
    defaults = _DEFAULTS.get(kind, {})
    for name, value in element.attributes.items():
        default = defaults.get(name.casefold())
        if name.casefold() not in _NAMES.get(kind, ()) and (default is None or (value and value.casefold() != default)):
            what = f"{name}={quoted(value)} of <{element.name}>"
            yield Finding(f"{of_farm}{what} is kept for IIS and has no effect here", element.source)
    for child in element.children:
        match child.name.casefold():
            case "hostaffinityproviderlist":
                added = [item.attributes.get("name", "") for item in child.children]
                if others := [name for name in added if name not in DEFAULT_PROVIDERS]:
                    what = f"the providers {', '.join(map(quoted, others))} of <{child.name}>"
                    yield Finding(f"{what} are kept for IIS and have no effect here", child.source)
            case "cache" if child.attributes.get("enabled", "").lower() == "false":
                pass
            case name if name in _LOOKED_INTO:
                yield from _not_honoured(child, farm)
            case _:
                message = f"<{child.name}> is kept for IIS and has no effect here"
                yield Finding(of_farm + message, child.source)


def _folded(defaults: Mapping[str, str]) -> Mapping[str, str]:
    return {name.casefold(): value.casefold() for name, value in defaults.items()}


_NAMES = {
    "webfarm": ("name",),
    "server": ("address",),
    "affinity": ("cookiename",),
    "healthcheck": ("livetrafficfailurecodes", "maxlivetrafficfailures"),
}
"""Attributes that say of what the rest is kept, or that are kept only where IIS does not look at them either."""

_DEFAULTS = {"webfarm": _folded(FARM_KEPT)} | {name.casefold(): _folded({**READ[name], **KEPT[name]}) for name in READ}
"""What attributes are in IIS where they are not given: whoever writes that asks for nothing."""

_LOOKED_INTO = frozenset({"webfarm", "server", ROUTING.casefold(), *(name.casefold() for name in READ)})
