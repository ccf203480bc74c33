"""The demo backend: an HTTP server that believes its name is ``privateserver:8080`` and shows the field's problems.

Start in ``site.py``: it lists all pages. ``catalogue.py`` says what a page is, one file a subject says what the pages
answer, ``files/`` holds what is served as it stands, ``application.py`` and ``server.py`` put it on a socket.
"""

from __future__ import annotations

from privateserver.catalogue import ORIGIN, Page
from privateserver.server import PrivateServer
from privateserver.site import GROUPS, PAGES

__all__ = ["GROUPS", "ORIGIN", "PAGES", "Page", "PrivateServer"]
