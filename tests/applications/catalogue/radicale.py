"""Radicale: calendars and address books, with a page whose scripts speak CalDAV."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from applications.application import Application, Place
from applications.installing import PyPI
from applications.visit import PASSWORD, USER, Visit

CALENDAR = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//x//x//EN\r
BEGIN:VEVENT\r
UID:1\r
DTSTAMP:20260101T000000Z\r
DTSTART:20260102T000000Z\r
SUMMARY:Walk\r
END:VEVENT\r
END:VCALENDAR\r
"""


def start(place: Place) -> None:
    users = place.folder / "users"
    users.write_text(f"{USER}:{PASSWORD}\n")
    config = place.folder / "config"
    config.write_text(
        f"[server]\nhosts = 127.0.0.1:{place.port}\n"
        f"[auth]\ntype = htpasswd\nhtpasswd_filename = {users}\nhtpasswd_encryption = plain\n"
        f"[storage]\nfilesystem_folder = {place.folder / 'collections'}\n"
    )
    place.service(place.program("python"), "-m", "radicale", "--config", config)


def walk(visit: Visit) -> None:
    page = visit.page
    with visit.step("log in"):
        visit.go("/")
        page.locator("#loginscene input[type=text]").first.fill(USER)
        page.locator("#loginscene input[type=password]").fill(PASSWORD)
        page.locator("#loginscene").get_by_role("button", name="Next").click()
        expect(page.locator("#collectionsscene")).to_be_visible()
    with visit.step("create"):
        page.locator("#collectionsscene [data-name=new]").click()
        page.locator("#createcollectionscene [data-name=displayname]").fill("Walks")
        page.locator("#createcollectionscene [data-name=submit]").click()
        expect(page.locator("#collectionsscene")).to_contain_text("Walks")
    with visit.step("edit"):
        page.locator("article:not(.hidden)", has_text="Walks").hover()
        page.locator("article:not(.hidden)", has_text="Walks").locator("[data-name=edit]").click()
        page.locator("#editcollectionscene [data-name=displayname]").fill("Long walks")
        page.locator("#editcollectionscene [data-name=submit]").click()
        expect(page.locator("#collectionsscene")).to_contain_text("Long walks")
    with visit.step("upload"):
        page.locator("#collectionsscene [data-name=upload]").click()
        page.locator("#uploadcollectionscene input[type=file]").set_input_files(visit.file("walk.ics", CALENDAR))
        page.locator("#uploadcollectionscene [data-name=submit]").click()
        expect(page.locator("#uploadcollectionscene")).to_contain_text("Success", ignore_case=True)
        page.locator("#uploadcollectionscene [data-name=close]").click()
        expect(page.locator("#collectionsscene article:not(.hidden)")).to_have_count(2)
    with visit.step("where a collection is"):
        urls = page.locator("#collectionsscene article:not(.hidden) [data-name=url]").all()
        for field in urls:
            url = field.evaluate("each => each.value || each.href || each.textContent")
            assert visit.fetched(url) == 200, url
    with visit.step("delete"):
        page.locator("article:not(.hidden)", has_text="Long walks").hover()
        page.locator("article:not(.hidden)", has_text="Long walks").locator("[data-name=delete]").click()
        confirm = page.locator("#deleteconfirmationscene")
        phrase = confirm.locator("[data-name=deleteconfirmationtext]").inner_text()
        confirm.locator("[data-name=confirmationtxt]").fill(phrase)
        confirm.locator("[data-name=delete]").click()
        expect(page.locator("#collectionsscene article:not(.hidden)")).to_have_count(1)
    with visit.step("log out"):
        page.locator("[data-name=logout]").first.click()
        expect(page.locator("#loginscene")).to_be_visible()


APPLICATION = Application("Radicale", PyPI(Path(__file__).with_suffix(".txt"), "Radicale"), start, walk)
