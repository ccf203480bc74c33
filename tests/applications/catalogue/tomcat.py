"""Tomcat: its manager, whose links and forms carry tokens and sessions, and its examples with a login in a form."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from playwright.sync_api import expect

from applications.application import Application, Place
from applications.installing import Debian
from applications.visit import PASSWORD, USER, Visit

USERS = f"""<tomcat-users xmlns="http://tomcat.apache.org/xml">
  <user username="{USER}" password="{PASSWORD}" roles="manager-gui,tomcat,role1"/>
</tomcat-users>
"""
CONTEXTS = {"manager": "/usr/share/tomcat10-admin/manager", "examples": "/usr/share/tomcat10-examples/examples"}


def start(place: Place) -> None:
    base = place.folder / "base"
    for name in ("conf/Catalina/localhost", "logs", "temp", "webapps/ROOT", "work"):
        (base / name).mkdir(parents=True)
    for file in Path("/usr/share/tomcat10/skel/conf").iterdir():
        if file.is_file():
            (base / "conf" / file.name).write_bytes(file.read_bytes())
    (base / "conf" / "tomcat-users.xml").write_text(USERS)
    server = (base / "conf" / "server.xml").read_text()
    server = re.sub(r'Connector port="8080"', f'Connector port="{place.port}" address="127.0.0.1"', server)
    (base / "conf" / "server.xml").write_text(server)
    for name, folder in CONTEXTS.items():
        text = f'<Context docBase="{folder}" privileged="true"><Resources allowLinking="true"/></Context>'
        (base / "conf" / "Catalina" / "localhost" / f"{name}.xml").write_text(text)
    (base / "webapps" / "ROOT" / "index.html").write_text(
        "<p><a href=/manager/html>Manager</a> <a href=/examples/>Examples</a>"
    )
    env = {"CATALINA_BASE": str(base), "CATALINA_HOME": "/usr/share/tomcat10", "JAVA_OPTS": "-Djava.awt.headless=true"}
    place.service("/usr/share/tomcat10/bin/catalina.sh", "run", **env)


def archive() -> bytes:
    """A web application of one page."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as war:
        war.writestr(
            "index.jsp", '<p>Uploaded <a href="<%= request.getContextPath() %>/">here</a> <%= request.getScheme() %>'
        )
    return content.getvalue()


def walk(visit: Visit) -> None:
    page = visit.page
    with visit.step("log in"):
        visit.go("/")
        page.get_by_role("link", name="Manager").click()
        expect(page.locator("body")).to_contain_text("Tomcat Web Application Manager")
        visit.pictures_show()
    with visit.step("upload"):
        page.locator("input[type=file]").set_input_files(visit.file("hello.war", archive()))
        page.locator("form[enctype*=multipart] input[type=submit]").click()
        expect(page.locator("body")).to_contain_text("/hello")
    with visit.step("open the upload"):
        page.get_by_role("link", name="/hello", exact=True).click()
        expect(page.locator("body")).to_contain_text("Uploaded")
        page.get_by_role("link", name="here").click()
        expect(page.locator("body")).to_contain_text("Uploaded")
    with visit.step("stop and start"):
        visit.go("/manager/html")
        row = page.locator("tr", has=page.get_by_role("link", name="/hello", exact=True))
        row.get_by_role("button", name="Stop").or_(row.locator("input[value=Stop]")).first.click()
        expect(page.locator("body")).to_contain_text("Stopped application at context path [/hello]")
        row.locator("input[value=Start]").first.click()
        expect(page.locator("body")).to_contain_text("Started application at context path [/hello]")
    with visit.step("undeploy"):
        next_row = page.locator("form[action*=undeploy][action*=hello] input[type=submit]")
        next_row.first.click()
        expect(page.locator("body")).to_contain_text("Undeployed application at context path [/hello]")
    with visit.step("state of the server"):
        page.get_by_role("link", name="Server Status").first.click()
        expect(page.locator("body")).to_contain_text("JVM")
    with visit.step("a session in a cookie"):
        visit.go("/")
        page.get_by_role("link", name="Examples").click()
        page.get_by_role("link", name="Servlets examples").click()
        page.locator("a[href*=SessionExample]").first.click()
        page.locator("input[name=dataname]").first.fill("colour")
        page.locator("input[name=datavalue]").first.fill("red")
        page.locator("form[method=POST] input[type=submit], form[method=post] input[type=submit]").first.click()
        expect(page.locator("body")).to_contain_text("colour = red")
        page.reload()
    with visit.step("a session in the URL"):
        page.get_by_role("link", name="URL encoded").first.click()
        expect(page.locator("body")).to_contain_text("exampleName = exampleValue")
    with visit.step("log in by a form, and out"):
        visit.go("/examples/jsp/security/protected/index.jsp")
        page.locator("input[name=j_username]").fill(USER)
        page.locator("input[name=j_password]").fill(PASSWORD)
        page.locator("input[type=submit]").first.click()
        expect(page.locator("body")).to_contain_text(f"remote user {USER}")
        page.locator("a[href*=logoff]").first.click()
        expect(page.locator("input[name=j_username], body")).not_to_have_count(0)
    with visit.step("a WebSocket"):
        visit.go("/examples/websocket/echo.xhtml")
        page.locator("#radio2, input[type=radio]").first.click()
        page.locator("#connect").click()
        expect(page.locator("#console")).to_contain_text("WebSocket connection opened")
        page.locator("#echo").click()
        expect(page.locator("#console")).to_contain_text("Received: Here is a message!")


PACKAGES = ("tomcat10-user", "tomcat10-admin", "tomcat10-examples", "default-jre-headless")
APPLICATION = Application("Tomcat", Debian(PACKAGES), start, walk)
