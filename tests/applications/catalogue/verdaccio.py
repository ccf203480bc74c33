"""verdaccio: a registry of packages of npm, with a page in React that asks it for JSON."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import yaml
from playwright.sync_api import expect

from applications.application import Application, Place
from applications.installing import Npm
from applications.visit import PASSWORD, USER, Visit

TARBALL = b"no archive, but nobody looks into it"


def start(place: Place) -> None:
    config = place.folder / "config.yaml"
    anybody = {"access": "$all", "publish": "$authenticated", "unpublish": "$authenticated"}
    settings = {
        "storage": str(place.folder / "storage"),
        "auth": {"htpasswd": {"file": str(place.folder / "htpasswd"), "max_users": 10}},
        "packages": {"**": anybody},
        "web": {"enable": True, "title": "Packages"},
        "log": {"type": "stdout", "format": "pretty", "level": "warn"},
    }
    config.write_text(yaml.safe_dump(settings))
    program = place.installed / "node_modules" / "verdaccio" / "bin" / "verdaccio"
    place.service("node", program, "--config", config, "--listen", f"127.0.0.1:{place.port}")


def document(base: str) -> dict[str, Any]:
    """What `npm publish` sends."""
    digest = hashlib.sha1(TARBALL, usedforsecurity=False).hexdigest()
    name = "greeting-1.0.0.tgz"
    version = {
        "name": "greeting",
        "version": "1.0.0",
        "description": "Says hello",
        "readme": "# Greeting\n\nSays hello.\n",
        "dist": {"shasum": digest, "tarball": f"{base}/greeting/-/{name}"},
    }
    return {
        "_id": "greeting",
        "name": "greeting",
        "dist-tags": {"latest": "1.0.0"},
        "versions": {"1.0.0": version},
        "readme": version["readme"],
        "_attachments": {
            name: {
                "content_type": "application/octet-stream",
                "data": base64.b64encode(TARBALL).decode(),
                "length": len(TARBALL),
            }
        },
    }


PUT = """async ([url, body, token]) => {
  const headers = {"Content-Type": "application/json", ...(token ? {Authorization: `Bearer ${token}`} : {})};
  const got = await fetch(url, {method: "PUT", headers, body});
  return [got.status, await got.json()];
}"""


def walk(visit: Visit) -> None:
    page = visit.page
    with visit.step("open"):
        visit.go("/")
        expect(page.locator("body")).to_contain_text("No Package Published Yet")
    with visit.step("register"):
        user = {"name": USER, "password": PASSWORD, "type": "user", "roles": []}
        path = visit.at(f"/-/user/org.couchdb.user:{USER}")
        status, answer = page.evaluate(PUT, [path, json.dumps(user), ""])
        assert status == 201, answer
    with visit.step("publish"):
        body = json.dumps(document(visit.base))
        status, said = page.evaluate(PUT, [visit.at("/greeting"), body, answer["token"]])
        assert status == 201, said
    with visit.step("log in"):
        page.reload()
        page.get_by_test_id("header--button-login").click()
        page.locator("#login--dialog-username, input[name=username]").first.fill(USER)
        page.locator("#login--dialog-password, input[name=password]").first.fill(PASSWORD)
        page.locator("#login--dialog-button-submit").click()
        expect(page.get_by_test_id("logInDialogIcon")).to_be_visible()
    with visit.step("look at a package"):
        page.get_by_text("greeting", exact=True).first.click()
        expect(page.locator("body")).to_contain_text("Says hello.")
        visit.pictures_show()
    with visit.step("reload a page that a script made"):
        page.reload()
        expect(page.locator("body")).to_contain_text("Says hello.")
    with visit.step("versions"):
        page.get_by_role("tab", name="Versions").click()
        expect(page.locator("body")).to_contain_text("1.0.0")
    with visit.step("search"):
        with page.expect_response(lambda got: "search/greet" in got.url) as found:
            page.locator("header input").first.press_sequentially("greet", delay=50)
        assert [each["name"] for each in found.value.json()] == ["greeting"]
    with visit.step("what npm gets"):
        script = (
            "async url => { const told = await (await fetch(url)).json(); return told.versions['1.0.0'].dist.tarball }"
        )
        tarball = page.evaluate(script, visit.at("/greeting"))
        assert visit.fetched(tarball) == 200, tarball
    with visit.step("log out"):
        page.get_by_test_id("logInDialogIcon").click()
        page.get_by_text("Logout").click()
        expect(page.get_by_test_id("header--button-login")).to_be_visible()


APPLICATION = Application("verdaccio", Npm("verdaccio", "6.4.0", {"node-fetch": "2.7.0"}), start, walk)
