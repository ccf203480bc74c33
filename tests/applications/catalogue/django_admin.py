"""Django's admin: a login with a token in a form and a cookie, tables, popups for related objects, uploads."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from applications.application import BACKENDS, Application, Place
from applications.installing import PyPI
from applications.visit import Visit


def start(place: Place) -> None:
    program = BACKENDS / "django_admin.py"
    place.service(place.program("python"), program, place.folder, str(place.port))


def walk(visit: Visit) -> None:
    page = visit.page
    with visit.step("log in"):
        visit.go("/")
        page.get_by_label("Username").fill("alice")
        page.get_by_label("Password").fill("secret")
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(visit.at("/admin/"))
    with visit.step("create, with an upload"):
        page.get_by_role("link", name="Documents").click()
        page.get_by_role("link", name="Add document").last.click()
        page.get_by_label("Title").fill("First")
        page.get_by_text("Today", exact=True).first.click()
        page.locator("#id_file").set_input_files(visit.file("first.txt", b"The first document\n"))
        page.get_by_role("button", name="Save and continue editing").click()
        expect(page.locator(".messagelist")).to_contain_text("was added successfully")
    with visit.step("open the upload"):
        page.get_by_role("link", name="documents/first.txt").click()
        expect(page.locator("body")).to_contain_text("The first document")
        page.go_back()
    with visit.step("view on site"):
        page.get_by_role("link", name="View on site").click()
        expect(page.locator("body")).to_contain_text("The first document")
        page.go_back()
    with visit.step("edit"):
        page.get_by_label("Title").fill("Second")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator(".messagelist")).to_contain_text("was changed successfully")
        expect(page).to_have_url(visit.at("/admin/library/document/"))
    with visit.step("search"):
        page.get_by_role("searchbox").fill("Second")
        page.get_by_role("button", name="Search").click()
        expect(page.locator("#result_list")).to_contain_text("Second")
    with visit.step("filter and sort users"):
        visit.go("/admin/auth/user/?is_staff__exact=1")
        page.locator(".column-email a").first.click()
        expect(page.locator("#result_list")).to_contain_text("alice")
    with visit.step("delete"):
        visit.go("/admin/library/document/")
        page.get_by_role("link", name="Second").click()
        page.locator(".deletelink").click()
        page.get_by_role("button", name="Yes, I’m sure").click()
        expect(page.locator(".messagelist")).to_contain_text("was deleted successfully")
    with visit.step("log out"):
        page.get_by_role("button", name="Log out").click()
        expect(page.locator("#content")).to_contain_text("Thanks for spending")


APPLICATION = Application("Django admin", PyPI(Path(__file__).with_suffix(".txt"), "Django"), start, walk)
