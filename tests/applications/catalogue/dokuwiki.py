"""DokuWiki: pages in PHP with relative and root paths, drafts kept by scripts, and a media manager that uploads."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from playwright.sync_api import expect

from applications.application import Application, Place
from applications.installing import Debian
from applications.visit import PASSWORD, USER, Visit

DATA = "attic cache index locks log media media_attic media_meta meta pages tmp".split()
LOCAL = """<?php
$conf['title'] = 'Wiki';
$conf['useacl'] = 1;
$conf['superuser'] = '@admin';
$conf['savedir'] = '%s';
$conf['updatecheck'] = 0;
"""
PICTURE = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0"
    b"\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82"
)


def start(place: Place) -> None:
    wiki, conf, data = (place.folder / name for name in ("wiki", "conf", "data"))
    shutil.copytree(place.installed / "share" / "dokuwiki", wiki, symlinks=True)
    conf.mkdir()
    for file in Path("/etc/dokuwiki").iterdir():
        if file.is_file() and not file.is_symlink():
            shutil.copy(file, conf)
    for name in DATA:
        (data / name).mkdir(parents=True)
    digest = hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest()
    (conf / "users.auth.php").write_text(f"{USER}:{digest}:Alice:alice@example.com:admin,user\n")
    (conf / "acl.auth.php").write_text("*\t@ALL\t8\n")
    (conf / "local.php").write_text(LOCAL % data)
    (wiki / "inc" / "preload.php").unlink(missing_ok=True)
    (wiki / "inc" / "preload.php").write_text(f"<?php define('DOKU_CONF', '{conf}/');\n")
    place.service("php", "-S", f"127.0.0.1:{place.port}", "-t", wiki, PHP_CLI_SERVER_WORKERS="4")


def walk(visit: Visit) -> None:
    page = visit.page
    with visit.step("log in"):
        visit.go("/")
        page.get_by_role("link", name="Log In").click()
        page.get_by_label("Username").fill(USER)
        page.get_by_label("Password").fill(PASSWORD)
        page.locator("#dw__login").get_by_role("button", name="Log In").click()
        expect(page.locator("#dokuwiki__usertools")).to_contain_text("Alice")
    with visit.step("create"):
        visit.go("/doku.php?id=first")
        page.get_by_role("link", name="Create this page").first.click()
        page.locator("#wiki__text").fill("====== First ======\n\nSome **words** and [[second]].\n")
        page.get_by_role("button", name="Preview").click()
        expect(page.locator("#preview, .preview").last).to_contain_text("Some words")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#dokuwiki__content h1")).to_have_text("First")
    with visit.step("upload"):
        page.get_by_role("link", name="Media Manager").first.click()
        page.get_by_role("link", name="Upload", exact=True).click()
        page.locator("#mediamanager__uploader .qq-upload-button input[type=file]").set_input_files(
            visit.file("dot.png", PICTURE)
        )
        page.get_by_role("button", name="Upload", exact=True).click()
        expect(page.locator("#mediamanager__uploader")).to_contain_text("dot.png")
        visit.go("/doku.php?id=first&do=media&ns=")
        expect(page.locator("#mediamanager__page .filelist")).to_contain_text("dot.png")
    with visit.step("look at the upload"):
        page.locator("#mediamanager__page .filelist a.thumb").first.click()
        expect(page.locator("#mediamanager__page .file")).to_contain_text("dot.png")
        visit.pictures_show()
    with visit.step("edit"):
        visit.go("/doku.php?id=first")
        page.get_by_role("link", name="Edit this page").first.click()
        page.locator("#wiki__text").fill("====== First ======\n\n{{:dot.png}} {{:dot.png?linkonly}} Changed.\n")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#dokuwiki__content")).to_contain_text("Changed.")
        visit.pictures_show()
    with visit.step("old revisions"):
        page.get_by_role("link", name="Old revisions").first.click()
        expect(page.locator("#page__revisions")).to_contain_text("created")
        for box in page.locator("#page__revisions input[type=checkbox]").all():
            box.check()
        page.get_by_role("button", name="Show differences").first.click()
        expect(page.locator("table.diff")).to_contain_text("Changed.")
    with visit.step("search, with suggestions"):
        page.locator("#qsearch__in").fill("first")
        page.locator("#qsearch__in").press("End")
        page.locator("#qsearch__in").press_sequentially(" ")
        page.get_by_role("button", name="Search").first.click()
        expect(page.locator("#dokuwiki__content")).to_contain_text("first")
        page.locator(".search_results, .search_fulltextresult, .search_quickresult").get_by_role("link").first.click()
        expect(page.locator("#dokuwiki__content h1")).to_have_text("First")
    with visit.step("settings"):
        page.get_by_role("link", name="Admin").first.click()
        page.get_by_role("link", name="Configuration Settings").first.click()
        page.locator("#config___title").fill("Another wiki")
        page.get_by_role("button", name="Save").first.click()
        expect(page.locator("#dokuwiki__content")).to_contain_text("Settings updated successfully")
    with visit.step("sitemap and feed"):
        page.get_by_role("link", name="Sitemap").first.click()
        page.locator("#index__tree").get_by_role("link", name="first").click()
        expect(page.locator("#dokuwiki__content h1")).to_have_text("First")
        assert (
            visit.fetched(page.locator("link[type='application/rss+xml']").first.evaluate("link => link.href")) == 200
        )
    with visit.step("log out"):
        page.get_by_role("link", name="Log Out").first.click()
        expect(page.locator("#dokuwiki__usertools")).to_contain_text("Log In")


PACKAGES = ("dokuwiki", "nginx-light", "php-cli", "php-xml", "php-mbstring")
APPLICATION = Application("DokuWiki", Debian(PACKAGES), start, walk)
