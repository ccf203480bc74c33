"""What `mitmdump -s addons/reverse.py` and `mitmweb -s addons/reverse.py` load: puts the bundle together."""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = str(Path(__file__).resolve().parent)
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)

from urlrewrite.hooks.backpressure import Backpressure  # noqa: E402 (the bundle lies beside this script)
from urlrewrite.hooks.holding import Holding  # noqa: E402
from urlrewrite.hooks.http1 import Http1  # noqa: E402
from urlrewrite.hooks.inbound import Inbound  # noqa: E402
from urlrewrite.hooks.listeners import Listeners  # noqa: E402
from urlrewrite.hooks.options import Options  # noqa: E402
from urlrewrite.hooks.outbound import Outbound  # noqa: E402
from urlrewrite.hooks.recorder import Recorder  # noqa: E402
from urlrewrite.hooks.rules_file import RulesFile  # noqa: E402
from urlrewrite.hooks.state import State  # noqa: E402
from urlrewrite.hooks.websocket import WebSocket  # noqa: E402
from urlrewrite.inspector.views import register  # noqa: E402

_state = State()
_listeners = Listeners(_state)
_backpressure = Backpressure()

register()

addons = [
    Options(),
    RulesFile(_state, _listeners.set_certificates),
    _listeners,
    _backpressure,
    Holding(_state, _backpressure),
    Http1(),
    Inbound(_state),
    Outbound(_state),
    WebSocket(_state),
    Recorder(_state),
]
