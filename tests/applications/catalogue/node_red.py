"""Node-RED: an editor that is one large script, with a login by tokens, and a WebSocket that tells what runs."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from applications.application import Application, Place
from applications.installing import Npm
from applications.visit import PASSWORD, USER, Visit

SETTINGS = """
const known = name => Promise.resolve(name === "%s" ? {username: name, permissions: "*"} : null);
module.exports = {
  uiHost: "127.0.0.1", uiPort: %d, userDir: "%s", flowFile: "flows.json", credentialSecret: "not a secret",
  adminAuth: {type: "credentials", users: known, authenticate: (name, word) => known(word === "%s" ? name : "")},
  editorTheme: {tours: false, projects: {enabled: false}}, telemetry: {enabled: false, updateNotification: false},
  externalModules: {autoInstall: false, palette: {allowInstall: false}},
  logging: {console: {level: "warn"}},
};
"""
FLOW = [
    {"id": "tab1", "type": "tab", "label": "Walk"},
    {
        "id": "in1",
        "type": "inject",
        "z": "tab1",
        "name": "push",
        "props": [{"p": "payload"}],
        "repeat": "",
        "crontab": "",
        "once": False,
        "onceDelay": 0.1,
        "topic": "",
        "payload": "hello from the flow",
        "payloadType": "str",
        "x": 150,
        "y": 80,
        "wires": [["out1"]],
    },
    {
        "id": "out1",
        "type": "debug",
        "z": "tab1",
        "name": "shown",
        "active": True,
        "tosidebar": True,
        "console": False,
        "tostatus": False,
        "complete": "payload",
        "targetType": "msg",
        "x": 400,
        "y": 80,
        "wires": [],
    },
]


def start(place: Place) -> None:
    settings = place.folder / "settings.js"
    settings.write_text(SETTINGS % (USER, place.port, place.folder, PASSWORD))
    program = place.installed / "node_modules" / "node-red" / "red.js"
    place.service("node", program, "--settings", settings)


def walk(visit: Visit) -> None:
    page = visit.page
    with visit.step("log in"):
        visit.go("/")
        page.locator("#node-dialog-login-username").fill(USER)
        page.locator("#node-dialog-login-password").fill(PASSWORD)
        page.locator("#node-dialog-login-submit").click()
        expect(page.locator("#red-ui-workspace-chart")).to_be_visible()
        expect(page.locator(".red-ui-palette-node").first).to_be_visible()
        visit.pictures_show()
    with visit.step("import a flow"):
        expect(page.locator("#red-ui-loading-progress")).to_be_hidden()
        page.keyboard.press("Escape")
        page.locator("#red-ui-workspace").click(position={"x": 300, "y": 300})
        page.keyboard.press("Control+i")
        page.locator("#red-ui-clipboard-dialog-import-text").fill(json.dumps(FLOW))
        page.locator("#red-ui-clipboard-dialog-ok").click()
        expect(page.locator(".red-ui-tabs")).to_contain_text(["Walk"])
    with visit.step("deploy"):
        page.locator("#red-ui-header-button-deploy").click()
        expect(page.locator(".red-ui-notification").filter(has_text="Successfully deployed")).to_be_visible()
    with visit.step("run, and see it by the WebSocket"):
        visit.go("/#flow/tab1")
        page.reload()
        expect(page.locator("g.red-ui-flow-node-group").first).to_be_visible()
        page.evaluate("RED.sidebar.show('debug')")
        page.locator(".red-ui-flow-node-button-button").first.click()
        expect(page.locator(".red-ui-debug-content").filter(has_text="hello from the flow")).to_be_visible()
    with visit.step("edit a node, in the editor of code"):
        page.locator("g.red-ui-flow-node-group", has_text="push").dblclick()
        page.locator("#node-input-name").fill("pushed")
        page.locator("#node-dialog-ok").click()
        expect(page.locator("g.red-ui-flow-node-group", has_text="pushed")).to_be_visible()
        page.locator("#red-ui-header-button-deploy").click()
    with visit.step("reload"):
        page.reload()
        expect(page.locator("g.red-ui-flow-node-group", has_text="pushed")).to_be_visible()
    with visit.step("icons and translations"):
        for path in ("/icons/node-red/inject.svg", "/locales/editor?lng=en-US", "/locales/nodes?lng=en-US"):
            assert visit.fetched(visit.at(path)) in (200, 401), path
    with visit.step("log out"):
        page.locator("#red-ui-header-button-user").click()
        page.get_by_text("Logout").click()
        expect(page.locator("#node-dialog-login-username")).to_be_visible()


APPLICATION = Application("Node-RED", Npm("node-red", "4.1.8"), start, walk)
