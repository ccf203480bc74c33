"""What a backend is told: a header that a rule changes, the name that it is asked by, TLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from urlrewrite.exchange.responses import Forward
from urlrewrite.inspector.diagnose.routes import told_by_rules
from urlrewrite.inspector.experiments.edits import Edit, edit_site
from urlrewrite.inspector.remedies import parts
from urlrewrite.inspector.remedies.proposal import About, Remedy
from urlrewrite.inspector.remedies.trying import Trying
from urlrewrite.model.field_lines import field_values
from urlrewrite.model.origin import Origin


def variable(about: About, trying: Trying) -> Iterator[Remedy]:
    """Yield the rule without the server variable by which it changes a header of the request."""
    rule = about.inbound
    named = [each for each in told_by_rules(about.case, about.exchange) if each.rule == about.breakage.rule]
    if rule is None:
        return
    for each in named:
        variable = f"HTTP_{each.name.upper().replace('-', '_')}"
        edit = about.changed(parts.without_variable(variable))
        off = edit is not None and "enabled: false" in edit.yaml
        if each.name == "Host":
            kept = f"the backend is then asked as {about.case.of(about.exchange).target.authority}"
        elif each.before:
            kept = f"the backend then gets {each.name} as the browser sent it"
        else:
            kept = f"the backend then gets {each.name} as this proxy sends it"
        todo = (
            f"Switch the rule off, which does nothing but set {variable}: {kept}."
            if off
            else f"Take {variable} out of the serverVariables of the rule: {kept}."
        )

        def is_kept(edit: Edit, name: str = each.name, after: str = each.after) -> bool | None:
            routing = trying.routing(edit, about.exchange)
            if not isinstance(routing, Forward):
                return False
            values = [routing.host] if name == "Host" else field_values(routing.fields, name)
            return None if values != [after] and values != [] else False

        yield Remedy(todo, edit, is_kept)


def host(about: About, trying: Trying) -> Iterator[Remedy]:
    """Yield the two ways to let a backend know the name that it is asked by."""
    if about.rule is not None:
        yield from variable(about, trying)
        return
    case, site = about.case.of(about.exchange), about.site
    public, inner = case.public.authority, case.target.authority
    if site is None:
        return
    keeps = site.keeps_host(None, bool(about.rule_set.preserve_host_header))
    if keeps:
        todo = (
            f"Either remove preserveHostHeader here, so that the backend is asked as {inner}. Or leave this proxy as "
            f"it is, and add {public} to the names that the backend allows."
        )
    else:
        todo = (
            f"Either set preserveHostHeader: true here, so that the backend is asked as {public}; it has to allow that "
            f"name. Or leave this proxy as it is, and add {inner} to the names that the backend allows. One of the two "
            "is enough."
        )
    settings = {"preserveHostHeader": str(not keeps).lower()}
    edit = edit_site(about.rule_set, site.name, lambda each: replace(each, preserve_host_header=not keeps), settings)
    yield Remedy(todo, edit, lambda _: None)


def tls(about: About, trying: Trying) -> Iterator[Remedy]:
    """Yield the backend with TLS."""
    backend = about.site.backend if about.site else None
    if backend is None or backend.scheme != "http" or about.site is None:
        return
    secure = Origin("https", backend.host, backend.port)
    url = f"{secure}{about.site.backend_path}"
    edit = edit_site(about.rule_set, about.site_name, lambda each: replace(each, backend=secure), {"backend": url})
    yield Remedy(f"Let this proxy speak TLS there: set backend: {url}.", edit, lambda _: None)
