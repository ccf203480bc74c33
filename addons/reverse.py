"""The script that `mitmdump -s addons/reverse.py` and `mitmweb -s addons/reverse.py` load: it puts the
bundle together.
"""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = str(Path(__file__).resolve().parent)
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)

from urlrewrite.hooks.backend_names import BackendNames  # noqa: E402
from urlrewrite.hooks.backend_tls import FarmTls  # noqa: E402
from urlrewrite.hooks.bounds import Bounds  # noqa: E402
from urlrewrite.hooks.commands import Commands  # noqa: E402
from urlrewrite.hooks.content_views import register  # noqa: E402
from urlrewrite.hooks.descriptors import Descriptors  # noqa: E402
from urlrewrite.hooks.experiments import Experiments  # noqa: E402
from urlrewrite.hooks.farm_commands import FarmCommands  # noqa: E402
from urlrewrite.hooks.farm_queue import FarmQueue  # noqa: E402
from urlrewrite.hooks.farms import Farms  # noqa: E402
from urlrewrite.hooks.inbound import Inbound  # noqa: E402
from urlrewrite.hooks.keeper import Keeper  # noqa: E402
from urlrewrite.hooks.leaks import Leaks  # noqa: E402
from urlrewrite.hooks.listeners import Listeners  # noqa: E402
from urlrewrite.hooks.metrics import Metrics  # noqa: E402
from urlrewrite.hooks.options import Options  # noqa: E402
from urlrewrite.hooks.orderly_stop import OrderlyStop  # noqa: E402
from urlrewrite.hooks.outbound import Outbound  # noqa: E402
from urlrewrite.hooks.patches.alt_svc import AltSvc  # noqa: E402
from urlrewrite.hooks.patches.backpressure import Backpressure  # noqa: E402 (the bundle lies beside this script)
from urlrewrite.hooks.patches.client_hello import ClientHello  # noqa: E402
from urlrewrite.hooks.patches.closed_connections import ClosedConnections  # noqa: E402
from urlrewrite.hooks.patches.connection_pool import ConnectionPool  # noqa: E402
from urlrewrite.hooks.patches.context_forks import ContextForks  # noqa: E402
from urlrewrite.hooks.patches.error_pages import ErrorPages  # noqa: E402
from urlrewrite.hooks.patches.flow_file import FlowFile  # noqa: E402
from urlrewrite.hooks.patches.goaway import Goaway  # noqa: E402
from urlrewrite.hooks.patches.hooks_at_once import HooksAtOnce  # noqa: E402
from urlrewrite.hooks.patches.http1 import Http1  # noqa: E402
from urlrewrite.hooks.patches.http1_bounds import Http1Bounds  # noqa: E402
from urlrewrite.hooks.patches.http2 import Http2  # noqa: E402
from urlrewrite.hooks.patches.http2_bounds import Http2Bounds  # noqa: E402
from urlrewrite.hooks.patches.http3 import Http3  # noqa: E402
from urlrewrite.hooks.patches.http3_bounds import Http3Bounds  # noqa: E402
from urlrewrite.hooks.patches.http_stream import Holding  # noqa: E402
from urlrewrite.hooks.patches.idle_addons import IdleAddons  # noqa: E402
from urlrewrite.hooks.patches.inactivity import Inactivity  # noqa: E402
from urlrewrite.hooks.patches.lean_dispatch import LeanDispatch  # noqa: E402
from urlrewrite.hooks.patches.log_events import LogEvents  # noqa: E402
from urlrewrite.hooks.patches.message_parts import MessageParts  # noqa: E402
from urlrewrite.hooks.patches.plain_options import PlainOptions  # noqa: E402
from urlrewrite.hooks.patches.proxy_protocol import ProxyProtocol  # noqa: E402
from urlrewrite.hooks.patches.qpack import Qpack  # noqa: E402
from urlrewrite.hooks.patches.quic import Quic  # noqa: E402
from urlrewrite.hooks.patches.quic_bounds import QuicBounds  # noqa: E402
from urlrewrite.hooks.patches.server_connections import ServerConnections  # noqa: E402
from urlrewrite.hooks.patches.shared_port import SharedPort  # noqa: E402
from urlrewrite.hooks.patches.slow_viewers import SlowViewers  # noqa: E402
from urlrewrite.hooks.patches.stateless_reset import StatelessReset  # noqa: E402
from urlrewrite.hooks.patches.upload_bounds import Uploads  # noqa: E402
from urlrewrite.hooks.patches.websocket_ends import WebSocketEnds  # noqa: E402
from urlrewrite.hooks.probe import ProbedPages, ProbeReports  # noqa: E402
from urlrewrite.hooks.recorder import Recorder  # noqa: E402
from urlrewrite.hooks.rules_file import RulesFile  # noqa: E402
from urlrewrite.hooks.site_certificates import SiteCertificates  # noqa: E402
from urlrewrite.hooks.state import State  # noqa: E402
from urlrewrite.hooks.streamed_body import StreamedBodies  # noqa: E402
from urlrewrite.hooks.trace_header import TraceAsked, TraceHeader  # noqa: E402
from urlrewrite.hooks.web_pages import WebPages  # noqa: E402
from urlrewrite.hooks.websocket import WebSocket  # noqa: E402

_state = State()
_bounds = Bounds()
_site_certificates = SiteCertificates(_state)
_farms = Farms(_state)
_rules_file = RulesFile(_state, _site_certificates.rules_changed, _farms.rules_changed)
_farm_commands = FarmCommands(_state, _farms)
_experiments = Experiments(_state, lambda: _web_pages.current())
_backpressure = Backpressure()
_uploads = Uploads(_bounds)
_backend_names = BackendNames(_state)
_server_connections = ServerConnections(_backend_names)
_trace_asked = TraceAsked()
_probe_reports = ProbeReports(_state, _trace_asked)
_web_pages = WebPages(_state, {"farms": _farm_commands.act, "broken": _probe_reports.or_else(_experiments.act)})
_orderly_stop = OrderlyStop()
_lean_dispatch = LeanDispatch()

register(lambda: _state.in_force)

addons = [
    _lean_dispatch,
    PlainOptions(),
    MessageParts(),
    LogEvents(_lean_dispatch),
    HooksAtOnce(),
    IdleAddons(),
    ContextForks(),
    Options(),
    _bounds,
    Descriptors(),
    FlowFile(),
    ProxyProtocol(),
    SharedPort(),
    _rules_file,
    Listeners(),
    _site_certificates,
    ClosedConnections(),
    _backpressure,
    _backend_names,
    _server_connections,
    _uploads,
    Holding(_state, _backpressure, _server_connections, _uploads),
    Http1(),
    Http2(),
    Quic(),
    StatelessReset(),
    Qpack(),
    Http3(),
    AltSvc(),
    ClientHello(),
    Http1Bounds(_bounds),
    Http2Bounds(_bounds),
    Http3Bounds(_bounds),
    QuicBounds(_bounds),
    Goaway(),
    WebSocketEnds(),
    Inactivity(),
    ErrorPages(),
    _trace_asked,
    _probe_reports,
    Inbound(_state),
    Outbound(_state),
    StreamedBodies(),
    WebSocket(_state),
    _farms,
    FarmQueue(),
    FarmTls(_server_connections),
    ConnectionPool(_state, _server_connections, _backend_names),
    _farm_commands,
    Leaks(_state),
    TraceHeader(_state, _trace_asked),
    Recorder(_state),
    Keeper(_state),
    ProbedPages(_state, _probe_reports),
    SlowViewers(),
    _web_pages,
    Commands(_state, _rules_file, _web_pages.snapshot),
    Metrics(_state),
    _orderly_stop,
]
