"""WsgiDAV, for everybody, with locks and properties: one tree at the root and another below /dav.

python webdav_server.py FOLDER PORT
"""

import sys
from pathlib import Path

import waitress
from wsgidav.wsgidav_app import WsgiDAVApp

FOLDER, PORT = Path(sys.argv[1]), int(sys.argv[2])


def main() -> None:
    trees = {path: FOLDER / name for path, name in (("/", "root"), ("/dav", "dav"))}
    for tree in trees.values():
        tree.mkdir(parents=True)
    config = {
        "provider_mapping": {path: str(tree) for path, tree in trees.items()},
        "simple_dc": {"user_mapping": {"*": True}},
        "lock_storage": True,
        "property_manager": True,
        "verbose": 1,
    }
    waitress.serve(WsgiDAVApp(config), listen=f"127.0.0.1:{PORT}")


main()
