"""datasette: tables of SQLite on the web; it knows a login by a token, facets, queries, and an editor of SQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from playwright.sync_api import expect

from applications.application import Application, Place
from applications.installing import PyPI
from applications.visit import Visit

TOWNS = [(f"Town {number}", f"Country {number % 7}", number * 1000) for number in range(250)]


def start(place: Place) -> None:
    file = place.folder / "world.db"
    with closing(sqlite3.connect(file)) as world:
        world.execute("create table countries (name text primary key)")
        world.execute("create table towns (name text, country text references countries(name), people integer)")
        world.executemany("insert into countries values (?)", [(f"Country {number}",) for number in range(7)])
        world.executemany("insert into towns values (?, ?, ?)", TOWNS)
        world.commit()
    options = ["--port", str(place.port), "--setting", "facet_time_limit_ms", "5000"]
    place.service(place.program("datasette"), "serve", file, *options)


def walk(visit: Visit) -> None:
    page = visit.page
    with visit.step("open a table"):
        visit.go("/")
        page.get_by_role("link", name="world").first.click()
        page.get_by_role("link", name="towns").first.click()
        expect(page.locator("table.rows-and-columns")).to_contain_text("Town 1")
    with visit.step("next page"):
        page.get_by_role("link", name="Next page").click()
        expect(page.locator("table.rows-and-columns")).to_contain_text("Town 150")
    with visit.step("facet"):
        visit.go("/world/towns?_facet=country")
        page.locator(".facet-results").get_by_role("link", name="Country 3").click()
        expect(page.locator("table.rows-and-columns")).not_to_contain_text("Country 4")
    with visit.step("sort by the menu of a column"):
        visit.go("/world/towns")
        page.locator("th[data-column=people] .dropdown-menu-icon").click()
        page.get_by_role("link", name="Sort descending").click()
        expect(page.locator("table.rows-and-columns tbody tr").first).to_contain_text("Town 249")
    with visit.step("follow a foreign key"):
        page.locator("table.rows-and-columns").get_by_role("link", name="Country 4").first.click()
        expect(page.locator("h1")).to_contain_text("Country 4")
    with visit.step("filter"):
        visit.go("/world/towns")
        page.locator("select[name=_filter_column]").select_option("name")
        page.locator("input[name=_filter_value]").fill("Town 42")
        page.get_by_role("button", name="Apply").click()
        expect(page.locator("table.rows-and-columns tbody tr")).to_have_count(1)
    with visit.step("query in SQL"):
        visit.go("/world?sql=select+sum(people)+from+towns")
        page.get_by_role("button", name="Format SQL").click()
        page.get_by_role("button", name="Run SQL").click()
        expect(page.locator("table.rows-and-columns")).to_contain_text(str(sum(row[2] for row in TOWNS)))
    with visit.step("as JSON and CSV"):
        for kind in ("json", "CSV"):
            link = page.get_by_role("link", name=kind, exact=True).first
            assert visit.fetched(link.evaluate("link => link.href")) == 200, kind
    with visit.step("next page of the API"):
        script = "async url => (await (await fetch(url)).json()).next_url"
        further = page.evaluate(script, visit.at("/world/towns.json?_shape=objects"))
        assert visit.fetched(further) == 200


APPLICATION = Application("datasette", PyPI(Path(__file__).with_suffix(".txt"), "datasette"), start, walk)
