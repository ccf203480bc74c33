"""Variables that depend on more than the text of a request: the time, and the address of the client."""

from __future__ import annotations

from datetime import datetime

import pytest

from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.variables import APACHE_VARIABLES, Variables

# A Sunday.
RECEIVED = datetime(2026, 2, 1, 8, 5, 9).timestamp()
TIMES = {
    "TIME": "20260201080509",
    "TIME_YEAR": "2026",
    "TIME_MON": "02",
    "TIME_DAY": "01",
    "TIME_HOUR": "08",
    "TIME_MIN": "05",
    "TIME_SEC": "09",
    "TIME_WDAY": "0",
}


def variables(client: str = "192.0.2.1", received: float = RECEIVED) -> Variables:
    return Variables(RequestFacts("GET", "http", "localhost", "/", client=(client, 1), received=received))


@pytest.mark.parametrize(("name", "value"), TIMES.items())
def test_the_time_is_the_local_one_of_the_request(name: str, value: str) -> None:
    assert variables()[name] == value
    assert variables(received=0)[name] == ""


@pytest.mark.parametrize(("client", "value"), [("192.0.2.1", "off"), ("2001:db8::1", "on"), ("", "off")])
def test_ipv6(client: str, value: str) -> None:
    assert variables(client)["IPV6"] == value


FILES = [
    # documentRoot, the root that is invented, and what REQUEST_FILENAME and APPL_PHYSICAL_PATH are for /css/a b.css
    ("/srv/www", "C:\\inetpub", "/srv/www/css/a b.css", "/srv/www/"),
    ("", "C:\\inetpub\\wwwroot", "C:\\inetpub\\wwwroot\\css\\a b.css", "C:\\inetpub\\wwwroot\\"),
    ("", "/var/www/html", "/var/www/html/css/a b.css", "/var/www/html/"),
    ("", "", "", ""),
]


@pytest.mark.parametrize(("root", "invented", "file", "directory"), FILES)
def test_names_of_files_are_those_of_the_url(root: str, invented: str, file: str, directory: str) -> None:
    request = RequestFacts("GET", "http", "localhost", "/css/a%20b.css?x")
    found = Variables(request, document_root=root, invented_root=invented)
    assert {found[name] for name in ("REQUEST_FILENAME", "PATH_TRANSLATED", "SCRIPT_FILENAME")} == {file}
    assert (found["APPL_PHYSICAL_PATH"], found["DOCUMENT_ROOT"]) == (directory, root or invented)


def test_all_variables_of_apache_are_known() -> None:
    assert TIMES.keys() | {"IPV6"} == APACHE_VARIABLES
    assert all(variables().is_known(name) for name in APACHE_VARIABLES)
