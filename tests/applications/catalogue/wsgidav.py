"""WsgiDAV: folders by WebDAV, which a script of the page asks as a client does, and as pages for people."""

from __future__ import annotations

from pathlib import Path

import yaml
from playwright.sync_api import expect

from applications.application import Application, Place
from applications.installing import PyPI
from applications.visit import PASSWORD, USER, Visit


def start(place: Place) -> None:
    files = place.folder / "files"
    files.mkdir()
    (files / "first.txt").write_text("The first file\n")
    config = place.folder / "wsgidav.yaml"
    settings = {
        "host": "127.0.0.1",
        "port": place.port,
        "provider_mapping": {"/": str(files), "/more": str(files)},
        # Digest authentication signs the path, which is another one for the backend if it is published below a path.
        "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
        "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
        "lock_storage": True,
        "property_manager": True,
    }
    config.write_text(yaml.safe_dump(settings))
    place.service(place.program("wsgidav"), "--config", config)


DAV = """async ([method, path, fields, body]) => {
  const got = await fetch(path, {method, headers: fields, body});
  return [got.status, await got.text(), Object.fromEntries(got.headers)];
}"""


def walk(visit: Visit) -> None:
    page = visit.page

    def ask(method: str, path: str, body: str | None = None, **fields: str) -> tuple[int, str, dict[str, str]]:
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        status, text, got = page.evaluate(DAV, [method, visit.at(path), named, body])
        return status, text, got

    with visit.step("log in and look around"):
        visit.go("/")
        page.get_by_role("link", name="first.txt").click()
        expect(page.locator("body")).to_contain_text("The first file")
    with visit.step("create a folder, and upload"):
        visit.go("/")
        assert ask("MKCOL", "/folder/")[0] == 201
        assert ask("PUT", "/folder/a%20%C3%A4.txt", "Uploaded\n")[0] == 201
        page.reload()
        page.get_by_role("link", name="folder").click()
        expect(page).to_have_url(visit.at("/folder/"))
        page.get_by_role("link", name="a ä.txt").click()
        expect(page.locator("body")).to_contain_text("Uploaded")
        page.go_back()
    with visit.step("what a client is told is where it is"):
        status, text, _ = ask("PROPFIND", "/folder/", Depth="1")
        assert status == 207
        script = "x => [...new DOMParser().parseFromString(x, 'text/xml').getElementsByTagNameNS('DAV:', 'href')]"
        hrefs = page.evaluate(f"x => ({script})(x).map(each => each.textContent)", text)
        assert len(hrefs) == 2
        for href in hrefs:
            got = page.evaluate(DAV, ["PROPFIND", href, {"Depth": "0"}, None])
            assert got[0] == 207, f"{href} gets {got[0]}"
    with visit.step("properties"):
        named = "<x:colour xmlns:x='urn:x'>%s</x:colour>"
        text = f"<D:propertyupdate xmlns:D='DAV:'><D:set><D:prop>{named % 'red'}</D:prop></D:set></D:propertyupdate>"
        assert ask("PROPPATCH", "/first.txt", text)[0] == 207
        assert "red" in ask("PROPFIND", "/first.txt", Depth="0")[1]
    with visit.step("copy and move"):
        assert ask("COPY", "/first.txt", Destination=visit.at("/folder/copy.txt"))[0] == 201
        assert ask("MOVE", "/folder/copy.txt", Destination=visit.at("/folder/moved.txt"))[0] == 201
        assert ask("GET", "/folder/moved.txt")[1] == "The first file\n"
    with visit.step("lock, edit and unlock"):
        lock = "<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>"
        status, _, got = ask("LOCK", "/first.txt", f"{lock}</D:lockinfo>", Timeout="Second-60")
        assert status == 200
        assert ask("PUT", "/first.txt", "Not mine\n")[0] == 423
        held = f"<{visit.at('/first.txt')}> ({got['lock-token']})"
        assert ask("PUT", "/first.txt", "Edited\n", If=held)[0] == 204
        assert ask("UNLOCK", "/first.txt", Lock_Token=got["lock-token"])[0] == 204
    with visit.step("delete"):
        assert ask("DELETE", "/folder/")[0] == 204
        visit.go("/")
        expect(page.get_by_role("link", name="first.txt")).to_be_visible()
        expect(page.get_by_role("link", name="folder")).to_have_count(0)


APPLICATION = Application("wsgidav", PyPI(Path(__file__).with_suffix(".txt"), "WsgiDAV"), start, walk)
