"""Gradio: a page in Svelte made of a description in JSON; it uploads files, and streams what comes out."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from applications.application import BACKENDS, Application, Place
from applications.catalogue.dokuwiki import PICTURE
from applications.installing import PyPI
from applications.visit import PASSWORD, USER, Visit


def start(place: Place) -> None:
    offline = {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "1",
        "GRADIO_TEMP_DIR": str(place.folder / "temp"),
    }
    command = (place.program("python"), BACKENDS / "gradio_page.py", str(place.port), USER, PASSWORD)
    place.service(*command, **offline)


def walk(visit: Visit) -> None:
    page = visit.page
    with visit.step("log in"):
        visit.go("/")
        page.get_by_label("username").fill(USER)
        page.get_by_label("password").fill(PASSWORD)
        page.get_by_role("button", name="Login").click()
        expect(page.get_by_label("Name", exact=True)).to_be_visible()
    with visit.step("a stream of events"):
        page.get_by_label("Name", exact=True).fill("Alice")
        page.get_by_role("button", name="Greet").click()
        expect(page.get_by_label("Said")).to_have_value("Hello Alice")
    with visit.step("upload a file, and get another"):
        page.locator("input[type=file]").first.set_input_files(visit.file("first.txt", b"The first file\n"))
        expect(page.locator("body")).to_contain_text("first")
        page.get_by_role("button", name="Lengthen").click()
        link = page.locator("a[href*=longer]").first
        link.wait_for()
        assert visit.fetched(link.evaluate("link => link.href")) == 200
    with visit.step("upload a picture, and see it"):
        page.locator("input[type=file]").last.set_input_files(visit.file("dot.png", PICTURE))
        expect(page.locator("img").first).to_be_visible()
        page.get_by_role("button", name="Show").click()
        expect(page.locator("img[src*=dot]")).to_have_count(2)
        visit.pictures_show()
    with visit.step("look at the API"):
        page.get_by_role("button", name="Use via API").click()
        expect(page.locator("body")).to_contain_text("/count")
    with visit.step("log out"):
        visit.go("/logout")
        expect(page.get_by_label("username")).to_be_visible()


APPLICATION = Application("Gradio", PyPI(Path(__file__).with_suffix(".txt"), "gradio"), start, walk)
