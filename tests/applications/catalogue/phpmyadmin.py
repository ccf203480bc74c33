"""phpMyAdmin: tables of MariaDB, with pages that scripts load into one another, and tokens in each request."""

from __future__ import annotations

import os
import subprocess

from playwright.sync_api import expect

from applications.application import Application, Place
from applications.installing import Debian
from applications.visit import PASSWORD, USER, Visit
from e2e.support.service import free_ports

CONFIG = """<?php
$cfg['blowfish_secret'] = '0123456789abcdef0123456789abcdef';
$cfg['Servers'][1] = ['auth_type' => 'cookie', 'host' => '127.0.0.1', 'port' => '%d', 'compress' => false];
$cfg['TempDir'] = '%s';
$cfg['VersionCheck'] = false;
$cfg['SendErrorReports'] = 'never';
"""
TOWNS = b"""CREATE TABLE towns (id INT PRIMARY KEY, name VARCHAR(40));
INSERT INTO towns VALUES (1, 'First'), (2, 'Uploaded');
"""
PRIVILEGES = f"""CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';
GRANT ALL ON *.* TO '{USER}'@'127.0.0.1' WITH GRANT OPTION;
"""


def start(place: Place) -> None:
    web, data, temp = (place.folder / name for name in ("web", "data", "temp"))
    temp.mkdir()
    # With what its links lead to; some lead nowhere, which is no fault.
    subprocess.run(["cp", "-rL", place.installed / "share" / "phpmyadmin", web], check=False, stderr=subprocess.DEVNULL)
    [port] = free_ports(1)
    (place.folder / "config.inc.php").write_text(CONFIG % (port, temp))
    vendor = web / "libraries" / "vendor_config.php"
    text = vendor.read_text()
    text = text.replace("/etc/phpmyadmin/config.inc.php", str(place.folder / "config.inc.php"))
    vendor.unlink()
    vendor.write_text(text.replace("/var/lib/phpmyadmin/tmp/", f"{temp}/"))
    user = [f"--user={'root' if os.geteuid() == 0 else os.environ.get('USER', 'nobody')}"]
    where = ["--no-defaults", f"--datadir={data}", *user]
    install = ["mariadb-install-db", *where, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(install, check=True, capture_output=True)
    init = place.folder / "init.sql"
    init.write_text(PRIVILEGES)
    sockets = [f"--socket={place.folder / 'mariadb.sock'}", f"--port={port}", "--bind-address=127.0.0.1"]
    place.service("/usr/sbin/mariadbd", *where, *sockets, f"--init-file={init}", "--skip-name-resolve", port=port)
    workers = {"PHP_CLI_SERVER_WORKERS": "4"}
    place.service("php", "-S", f"127.0.0.1:{place.port}", "-t", web, **workers)


def walk(visit: Visit) -> None:
    page = visit.page
    with visit.step("log in"):
        visit.go("/")
        page.locator("#input_username").fill(USER)
        page.locator("#input_password").fill(PASSWORD)
        page.locator("#input_go").click()
        expect(page.locator("#pma_navigation_tree")).to_contain_text("information_schema")
        visit.pictures_show()
    with visit.step("create a database"):
        page.locator("#topmenu").get_by_role("link", name="Databases").click()
        page.locator("#text_create_db").fill("world")
        page.wait_for_load_state("networkidle")  # without the scripts that are still to come, the form leaves the page
        page.locator("#buttonGo").click()
        expect(page.locator("#pma_navigation_tree")).to_contain_text("world")
    with visit.step("import a file"):
        visit.go("/index.php?route=/database/import&db=world")
        page.locator("#input_import_file").set_input_files(visit.file("towns.sql", TOWNS))
        page.locator("#buttonGo").click()
        expect(page.locator("#page_content")).to_contain_text("Import has been successfully finished")
    with visit.step("browse"):
        visit.go("/index.php?route=/sql&db=world&table=towns&pos=0")
        expect(page.locator(".table_results")).to_contain_text("First")
        visit.pictures_show()
    with visit.step("edit in place"):
        page.locator(".table_results td.data", has_text="First").dblclick()
        page.keyboard.press("Control+a")
        page.keyboard.type("Second")
        page.keyboard.press("Enter")
        expect(page.locator(".table_results")).to_contain_text("Second")
    with visit.step("export"):
        visit.go("/index.php?route=/database/export&db=world")
        with page.expect_download() as download:
            page.locator("#buttonGo").click()
        assert "Uploaded" in download.value.path().read_text("utf-8")
    with visit.step("structure, through the menu"):
        page.locator("#topmenu").get_by_role("link", name="Structure").click()
        expect(page.locator("#page_content")).to_contain_text("towns")
        # It takes no click while it asks for something.
        page.wait_for_load_state("networkidle")
        page.locator("#page_content").get_by_role("link", name="towns").first.click()
        expect(page.locator(".table_results")).to_contain_text("Uploaded")
    with visit.step("log out"):
        visit.go("/")
        page.locator("a[href*='logout']").first.click()
        expect(page.locator("#input_username")).to_be_visible()


PACKAGES = (
    "phpmyadmin",
    "dbconfig-no-thanks",
    "php-cgi",
    "php-cli",
    "php-mbstring",
    "php-mysql",
    "mariadb-server-core",
    "mariadb-client-core",
)
APPLICATION = Application("phpMyAdmin", Debian(PACKAGES), start, walk)
