"""The demo backend: an HTTP server that believes its name is ``privateserver:8080`` and shows problems met in the
field.

Start in ``site.py``: it lists all pages. ``catalogue.py`` says what a page is, one file a subject says what the pages
respond, ``files/`` holds what is served as it stands, ``server.py`` puts it on a socket.
"""

from __future__ import annotations

from privateserver.catalogue import ORIGIN, Page
from privateserver.farm import NAMES as FARM_SERVERS
from privateserver.server import PrivateServer
from privateserver.site import GROUPS, PAGES

__all__ = ["FARM_SERVERS", "GROUPS", "ORIGIN", "PAGES", "Page", "PrivateServer"]
