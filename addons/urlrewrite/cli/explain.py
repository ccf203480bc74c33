"""`run.sh explain`: what the rules do with one request, or each exchange of a recording, as text or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from urlrewrite.api.explanation import as_data, as_text
from urlrewrite.cli.arguments import UsageError
from urlrewrite.cli.progress import progress
from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.exchange import rule_tests
from urlrewrite.exchange.raw_response import parse_response
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.formats.files_read import reason
from urlrewrite.model import Site
from urlrewrite.model.origin import Origin, origin_of
from urlrewrite.trace.text import visible


def explain_request(
    rules: RulesInForce,
    url: str,
    *,
    method: str = "GET",
    headers: Sequence[str] = (),
    client: str = "127.0.0.1",
    saved_response: str | None = None,
    as_json: bool = False,
) -> str:
    """Return what becomes of one request, and of the response in the file `saved_response` (as `curl -i` writes it).

    Raises:
        UsageError: the URL, a header (`Name: value`) or the file is invalid.
    """
    response, body = None, b""
    if saved_response:
        try:
            response, body = parse_response(Path(saved_response).read_bytes())
        except (OSError, ValueError) as error:
            raise UsageError(f"--response {saved_response}: {reason(error)}") from error
    try:
        request = rule_tests.request_facts(method, url, tuple(map(_header, headers)), client=(client, 50000))
    except ValueError as error:
        raise UsageError(str(error)) from error
    result = rule_tests.evaluate(rules, request, response, body)
    return json.dumps(as_data(result), indent=2) if as_json else as_text(result)


def explain_recording(rules: RulesInForce, where: str, *, as_json: bool = False) -> Iterator[str]:
    """Yield what becomes of each exchange of a recording (`FILE`, `FILE:N`, `FILE:FILTER`): texts, or one list as JSON.

    Raises:
        UsageError: the recording cannot be read.
    """
    # mitmproxy takes its time to be imported, and only this needs it.
    from urlrewrite.hooks.recordings import RecordingError, read_recording

    results = []
    memory = AssetMemory()
    try:
        for recorded in progress(read_recording(where), "flow"):
            request, notes = recorded.request, list(recorded.notes)
            if found := _published(rules, request):
                site, public = found
                notes.append(f"the request was recorded at {request.scheme}://{request.host}, behind the proxy")
                notes.append(f"it is shown as if it had come to {public}{site.path}")
                request = _asked_at(site, public, request)
            result = rule_tests.evaluate(rules, request, recorded.response, recorded.body, memory=memory)
            if as_json:
                results.append({"flow": recorded.number, "notes": notes, **as_data(result)})
            else:
                head = [f"──── flow {recorded.number}", *(f"  note: {visible(note)}" for note in notes)]
                yield "\n".join((*head, "", as_text(result), ""))
    except RecordingError as error:
        raise UsageError(f"--flow {visible(str(error))}") from error
    if as_json:
        yield json.dumps(results, indent=2)


def _published(rules: RulesInForce, request: RequestFacts) -> tuple[Site, Origin] | None:
    """Return the site and the public name under which a request came in that was recorded behind the proxy.

    None for a request that was recorded under a public name.
    """
    requested = origin_of(request.scheme, request.host)
    chosen = rules.rules.find_site(request.scheme, request.host, request.target)
    if requested is None or (chosen and chosen.site.public):
        return None
    sites = [compiled.site for compiled in rules.rules.sites if compiled.site.public]
    behind = [site for site in sites if site.backend == requested and request.target.startswith(site.backend_path)]
    behind.sort(key=lambda site: -len(site.backend_path))
    if not behind and len(sites) == 1 and rules.rules.allowed_hosts.has(requested, request.local):
        behind = sites
    if not behind:
        return None
    names = behind[0].public
    return behind[0], next((name for name in names if name.host == request.sni), names[0])


def _asked_at(site: Site, public: Origin, request: RequestFacts) -> RequestFacts:
    fields = [(name, value) for name, value in request.fields if name.lower() != "host"]
    return replace(
        request,
        scheme=public.scheme,
        host=public.authority,
        target=site.path + request.target.removeprefix(site.backend_path),
        fields=(("Host", public.authority), *fields),
        sni=public.host if public.scheme == "https" else "",
    )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UsageError(f"-H {text!r}: expected 'Name: value'")
    return name.strip(), value.strip()
