"""Every piece of mitmproxy's inside that a patch relies on is as it was when the patch was written.

A patch replaces or reads what mitmproxy promises to nobody. A new version that changes such a piece makes its row fail
here: read what has changed, see whether what the row says of it still holds, then put the new hash into the row.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import textwrap
from pathlib import Path

import pytest

from urlrewrite.hooks import patches

# patch, internal, hash of its source, what the patch relies on
INTERNALS = [
    (
        "http_stream",
        "mitmproxy.proxy.layers.http:HttpLayer.make_stream",
        "16d38b19dd90ebc5",
        "it makes each stream by the name HttpStream of its module, where ours is put",
    ),
    (
        "http_stream",
        "mitmproxy.proxy.layers.http:HttpStream.__init__",
        "c9df1b8ee00f6d31",
        "request_body_buf, response_body_buf, client_state and server_state are where a stream stands",
    ),
    (
        "http_stream",
        "mitmproxy.proxy.layers.http:HttpStream._handle_event",
        "08dc61acd70222bb",
        "no Wakeup comes to it, and every other event goes on to a state",
    ),
    (
        "http_stream",
        "mitmproxy.proxy.layers.http:HttpStream.check_body_size",
        "ae602ef9fc48ca89",
        "it is asked after each piece that is held, of requests and of responses, and says whether the flow is over",
    ),
    (
        "http_stream",
        "mitmproxy.proxy.layers.http:HttpStream.start_request_stream",
        "52a8ea61f3518baf",
        "it raises where a flow has a response already, and sends the head and then each piece",
    ),
    (
        "http_stream",
        "mitmproxy.proxy.layers.http:HttpStream.state_consume_request_body",
        "e3ee3fd9f617f517",
        "it holds pieces in request_body_buf and asks check_body_size after each",
    ),
    (
        "http_stream",
        "mitmproxy.proxy.layers.http:HttpStream.state_stream_request_body",
        "58e191338cc74c0d",
        "flow.request.stream gives what is sent of each piece, and the end is sent in any case",
    ),
    (
        "http_stream",
        "mitmproxy.proxy.layers.http:HttpStream.start_response_stream",
        "b0625108db2c8f5e",
        "it sends the head, and the pieces that follow go through flow.response.stream",
    ),
    (
        "http_stream",
        "mitmproxy.proxy.layers.http:HttpStream.state_consume_response_body",
        "dec716552627b818",
        "it holds pieces in response_body_buf and asks check_body_size after each",
    ),
    (
        "http_stream",
        "mitmproxy.proxy.layers.http:HttpStream.state_stream_response_body",
        "0e64215c8fe9567c",
        "it does not look whether the flow was killed",
    ),
    (
        "http_stream",
        "mitmproxy.proxy.layers.http:HttpStream.check_killed",
        "4cec665b2f0dc0f0",
        "with True it tells the client of an error, and the backend of none",
    ),
    (
        "http_stream",
        "mitmproxy.proxy.layers.http:HttpStream.make_server_connection",
        "a08ce3538129b5c4",
        "once it is done the backend's protocol is known and the head is not sent yet",
    ),
    (
        "http_stream",
        "mitmproxy.proxy.layers.http._http1:Http1Client.send",
        "bf915de1a0fde10b",
        "a body without length and coding goes out without any framing",
    ),
    (
        "backend_stream",
        "mitmproxy.proxy.layers.http:HttpStream.state_wait_for_request_headers",
        "85b959d19c359321",
        "it sets server_state after start_request_stream, whatever came of that",
    ),
    (
        "backend_stream",
        "mitmproxy.proxy.layers.http:HttpStream.start_request_stream",
        "52a8ea61f3518baf",
        "the head is sent once the connection is there; one that fails leaves client_state at state_errored",
    ),
    (
        "backend_stream",
        "mitmproxy.proxy.layers.http:HttpStream.state_consume_request_body",
        "e3ee3fd9f617f517",
        "it asks make_server_connection, returns where that says no, and else sends head, body, trailers and end",
    ),
    (
        "backend_stream",
        "mitmproxy.proxy.layers.http:HttpStream.state_wait_for_response_headers",
        "daa3d7cf45df38f3",
        "it takes the head of a response and nothing else, and asks check_invalid(False)",
    ),
    (
        "backend_stream",
        "mitmproxy.proxy.layers.http:HttpStream.handle_protocol_error",
        "0dbef15c4f5bfb6c",
        "failures of the backend come to it as ResponseProtocolError, those of the client as RequestProtocolError",
    ),
    (
        "backend_stream",
        "mitmproxy.proxy.layers.http:HttpStream.make_server_connection",
        "a08ce3538129b5c4",
        "it asks GetHttpConnection and puts the connection into context.server and flow.server_conn",
    ),
    (
        "backend_stream",
        "mitmproxy.proxy.layers.http:HttpStream.check_invalid",
        "2cc8ddcbbd199bd8",
        "it refuses fields of a response by validate_headers where the option says so",
    ),
    (
        "backend_stream",
        "mitmproxy.proxy.layers.http:HttpStream.send_response",
        "c2af2f99548c24e1",
        "it sends flow.response to the client, and ends the flow if the request is over",
    ),
    (
        "backend_stream",
        "mitmproxy.proxy.layers.http:HttpStream.flow_done",
        "f04929d962deba7b",
        "every flow that gets a whole response ends by it",
    ),
    (
        "stream_timer",
        "mitmproxy.proxy.layers.http:HttpLayer._handle_event",
        "5dbe5ae099431ea0",
        "a Wakeup goes to the stream that command_sources names",
    ),
    (
        "backend_stream",
        "mitmproxy.proxy.layers.http._http1:Http1Connection._handle_event",
        "8e7c38711a968c35",
        "what a connection says comes to it as a ConnectionEvent",
    ),
    (
        "stream_timer",
        "mitmproxy.addons.proxyserver:Proxyserver.register_connection",
        "5bfe902819203c7b",
        "connections has the handler of each client by the client's id",
    ),
    (
        "server_connections",
        "mitmproxy.proxy.layers.http:HttpLayer.get_connection",
        "aa9d4f00ee025e40",
        "it gives out a connection that matches, with its error if it has one, and opens one by OpenConnection else",
    ),
    (
        "server_connections",
        "mitmproxy.proxy.layers.http:HttpLayer.register_connection",
        "039bfd5908de7289",
        "who waits for a connection stands in waiting_for_establishment until it is there or has failed",
    ),
    (
        "server_connections",
        "mitmproxy.proxy.server:ConnectionHandler.open_connection",
        "105afa3ddde4c059",
        "server_connect comes before and server_connected after; cancelled it fails with what cancel was told; "
        "timestamp_tcp_setup is set where a connection is there, and timestamp_end after its ConnectionClosed",
    ),
    (
        "server_connections",
        "mitmproxy.proxy.server:ConnectionHandler.close_connection",
        "9ec60a685e608fd3",
        "it ends the task of a connection, so that its layers see it closed",
    ),
    (
        "server_connections",
        "mitmproxy.proxy.layers.tls:TLSLayer.on_handshake_error",
        "a82ed41eafca524a",
        "a handshake that fails sets the connection's error",
    ),
    (
        "connection_pool",
        "mitmproxy.proxy.server:ConnectionHandler.open_connection",
        "105afa3ddde4c059",
        "ours does the same in the same order: hooks, transports, the event, handle_connection",
    ),
    (
        "connection_pool",
        "mitmproxy.proxy.server:ConnectionHandler.server_event",
        "a9aa2c5307ef8e15",
        "it notes the task of an opening after it was started, and writes by what transports has as writer",
    ),
    (
        "connection_pool",
        "mitmproxy.proxy.server:ConnectionHandler.handle_connection",
        "2cd24c42884752ac",
        "it closes the writer last, after the layers have heard that the connection is closed",
    ),
    (
        "connection_pool",
        "mitmproxy.proxy.server:ConnectionHandler.drain_writers",
        "e7d7a0d4bdd7ddf8",
        "of a writer it wants drain",
    ),
    (
        "connection_pool",
        "mitmproxy.proxy.server:ConnectionHandler.close_connection",
        "9ec60a685e608fd3",
        "it ends the task of a connection, and sets its state at once; of a writer it wants is_closing and write_eof",
    ),
    (
        "connection_pool",
        "mitmproxy.proxy.layers.tls:ServerTLSLayer.start_handshake",
        "97e2a470e3948f0a",
        "it makes tls and begins the handshake, once the connection is open",
    ),
    (
        "connection_pool",
        "mitmproxy.proxy.layers.tls:TLSLayer.receive_handshake_data",
        "40764c57991afe05",
        "what is known of TLS goes into the connection, and tls_established_server gets what encrypts it",
    ),
    (
        "connection_pool",
        "mitmproxy.proxy.layers.tls:TLSLayer.receive_data",
        "fc2e5ce7fabce9a7",
        "it reads all that tls has, so that nothing that was decrypted stays there",
    ),
    (
        "connection_pool",
        "mitmproxy.proxy.tunnel:TunnelLayer._handshake_finished",
        "660bac0aac388d0b",
        "it tells the layer that waits for the connection, and lets data through from then on",
    ),
    (
        "connection_pool",
        "mitmproxy.addons.tlsconfig:TlsConfig.tls_start_server",
        "f50195b910bd7a25",
        "it makes TLS for the connection's sni by options, and offers HTTP/2 if the client does",
    ),
    (
        "resting_client",
        "mitmproxy.proxy.layers.http:HttpClient._handle_event",
        "db8e70c4d8ef65c6",
        "it makes the layer of a backend of HTTP/1 by the name Http1Client of its module, where ours is put",
    ),
    (
        "resting_client",
        "mitmproxy.proxy.layers.http._http1:Http1Connection._handle_event",
        "8e7c38711a968c35",
        "what comes is in buf before it is read",
    ),
    (
        "resting_client",
        "mitmproxy.proxy.layers.http._http1:Http1Connection.mark_done",
        "b322a34d7c87aa59",
        "it is called at the end of each message of both sides, and closes the connection of a client of HTTP/2",
    ),
    (
        "resting_client",
        "mitmproxy.proxy.layers.http._http1:Http1Client.send",
        "bf915de1a0fde10b",
        "it sends a head, and calls mark_done at the end of the request",
    ),
    (
        "resting_client",
        "mitmproxy.proxy.layers.http._http1:Http1Client.read_headers",
        "deee23a79fe992b4",
        "it passes the head on as the backend sent it, before any addon sees it",
    ),
    (
        "error_pages",
        "mitmproxy.proxy.layers.http._base:format_error",
        "26271a67770fbaf1",
        "the page of an error is made by it, by this name in the modules of HTTP/1, 2 and 3",
    ),
    (
        "error_pages",
        "mitmproxy.proxy.layers.http._http1:make_error_response",
        "03ce75ab62e8e78b",
        "a whole response of HTTP/1 is made by it",
    ),
    (
        "error_pages",
        "mitmproxy.proxy.layers.http._http2:Http2Connection._handle_event",
        "2edfec00add56035",
        "the head of an error's page names mitmproxy by version.MITMPROXY, and goes through send_headers as a list",
    ),
    (
        "error_pages",
        "mitmproxy.proxy.layers.http._http3:Http3Connection._handle_event",
        "402e8ba236ab0ced",
        "the same over HTTP/3",
    ),
    (
        "backpressure",
        "mitmproxy.proxy.server:ConnectionHandler.drain_writers",
        "e7d7a0d4bdd7ddf8",
        "it is awaited by whoever reads, by this name, and may take as long as it likes",
    ),
    (
        "backpressure",
        "mitmproxy.proxy.server:ConnectionHandler.handle_connection",
        "2cd24c42884752ac",
        "after each piece it awaits drain_writers in the task that transports names as the connection's handler",
    ),
    (
        "backpressure",
        "mitmproxy.proxy.layers.http:HttpLayer.__init__",
        "0c903cab482f8855",
        "connections has the layer of the client's connection",
    ),
    (
        "backpressure",
        "mitmproxy.proxy.layers.http._http_h2:BufferedH2Connection.send_data",
        "d432a0066342e7eb",
        "what a client of HTTP/2 does not take yet is in stream_buffers, by stream",
    ),
    (
        "backpressure",
        "mitmproxy.proxy.layers.quic:ClientQuicLayer.__init__",
        "4241d830c11a5efd",
        "the connection of QUIC is its attribute quic, from the base class on",
    ),
    (
        "backpressure",
        "aioquic.quic.stream:QuicStreamSender.write",
        "8922b933e95d2367",
        "what a client of HTTP/3 does not take yet is in _buffer",
    ),
    (
        "backpressure",
        "aioquic.quic.connection:QuicConnection.send_stream_data",
        "a1660f882c67ec7d",
        "streams are in _streams, by their number, each with a sender",
    ),
    (
        "http1",
        "mitmproxy.proxy.layers.http:HttpClient._handle_event",
        "db8e70c4d8ef65c6",
        "it makes the layer of a backend of HTTP/1 by the name Http1Client of its module, where ours is put",
    ),
    (
        "http1",
        "mitmproxy.proxy.layers.http:HttpLayer.get_connection",
        "aa9d4f00ee025e40",
        "it too makes one by that name",
    ),
    (
        "http1",
        "mitmproxy.proxy.layers.http._http1:Http1Client.read_headers",
        "deee23a79fe992b4",
        "it reads a whole head from buf, by maybe_extract_lines, and takes 1xx for the last one; that a connection was "
        "closed it tells to no stream whose id is 0",
    ),
    (
        "http1",
        "mitmproxy.proxy.layers.http._http1:Http1Connection.read_body",
        "d821888c1e1512b3",
        "it tells the end of a message by one command, and raises where that has fields; what cannot be read it tells "
        "once more when the connection ends",
    ),
    (
        "http1",
        "mitmproxy.proxy.layers.http._http1:Http1Server.read_headers",
        "496f9de6da56eb2d",
        "where maybe_extract_lines gives no line it waits for more; the rest of buf is read by an event without data",
    ),
    (
        "http1",
        "mitmproxy.proxy.layers.http._http1:make_body_reader",
        "9b076acda459637b",
        "it makes the reader of chunks by the name ChunkedReader of its module, where ours is put",
    ),
    (
        "http1",
        "h11._readers:ChunkedReader",
        "4d2629eeaaf366b6",
        "its end of a message has the trailers as its fields",
    ),
    (
        "http1",
        "h11._receivebuffer:ReceiveBuffer.maybe_extract_lines",
        "608ecc59c73c1d29",
        "it takes a whole head off the buffer, or nothing; of blank lines in front one, and gives no line then",
    ),
    (
        "http1",
        "h11._receivebuffer:ReceiveBuffer.maybe_extract_at_most",
        "163ed0f3ccd3b068",
        "it takes so many bytes off the buffer",
    ),
    (
        "backpressure",
        "mitmproxy.proxy.layer:Layer.handle_event",
        "1dd2c9090fd69965",
        "what comes while a hook runs is in _paused_event_queue",
    ),
    (
        "http2",
        "mitmproxy.proxy.layers.http:HttpClient._handle_event",
        "db8e70c4d8ef65c6",
        "it makes the layer of a backend of HTTP/2 by the name Http2Client of its module, where ours is put",
    ),
    (
        "http2",
        "mitmproxy.proxy.layers.http:HttpLayer._handle_event",
        "5dbe5ae099431ea0",
        "a Wakeup goes to the layer that asked for it, by way of TLS",
    ),
    (
        "http2",
        "mitmproxy.proxy.layers.http._http2:Http2Client.__init__",
        "41fdd54ed9817b1a",
        "settings acknowledged here go out with the first frame; their_stream_id has the streams of the client",
    ),
    (
        "http2",
        "mitmproxy.proxy.layers.http._http2:Http2Client._handle_event2",
        "c89faafab0a41d4a",
        "every event comes to it, with our number of its stream, and a Wakeup that is not ours asks for a PING",
    ),
    (
        "http2",
        "mitmproxy.proxy.layers.http._http2:Http2Connection._handle_event",
        "2edfec00add56035",
        "a RequestProtocolError resets its stream",
    ),
    (
        "http2",
        "mitmproxy.proxy.layers.http._http2:Http2Connection.handle_h2_event",
        "a2463afad6ddeedc",
        "it calls acknowledge_received_data once a piece has gone to its stream, and nothing else gives a window back",
    ),
    (
        "http2",
        "mitmproxy.proxy.layers.http._http_h2:BufferedH2Connection.__init__",
        "09a958d0c99672e3",
        "the window of a stream is that of the settings as they are acknowledged",
    ),
    (
        "http2",
        "mitmproxy.proxy.layers.http._http_h2:BufferedH2Connection.initiate_connection",
        "12a2f3bb35ae8c55",
        "the window of the connection is as large as it can be",
    ),
    (
        "http3",
        "mitmproxy.proxy.layers.http:HttpLayer.get_connection",
        "aa9d4f00ee025e40",
        "without reuse it makes a new connection; it keeps requests apart for clients of HTTP/2 only",
    ),
    (
        "http3",
        "mitmproxy.proxy.layers.http:HttpLayer.register_connection",
        "039bfd5908de7289",
        "whoever waits for a connection gets it, but for clients of HTTP/2 where it speaks HTTP/1",
    ),
    (
        "http3",
        "mitmproxy.addons.tlsconfig:TlsConfig.tls_start_server",
        "f50195b910bd7a25",
        "alpn_offers that are set already are offered",
    ),
    (
        "early_hints",
        "mitmproxy.proxy.layers.http:HttpStream.state_wait_for_response_headers",
        "daa3d7cf45df38f3",
        "it takes every head that comes for that of the response",
    ),
    (
        "early_hints",
        "mitmproxy.proxy.layers.http._http2:format_h2_response_headers",
        "c61b5fbe92c70646",
        "it makes the fields of a response of HTTP/1.1 those of HTTP/2, which those of HTTP/3 are, too",
    ),
    (
        "http1",
        "mitmproxy.proxy.layers.http:HttpLayer._handle_event",
        "5dbe5ae099431ea0",
        "it makes the layer of a client by the name Http1Server of its module, where ours is put",
    ),
    (
        "http1",
        "mitmproxy.proxy.layers.http._http1:Http1Server.send",
        "372d1bf2afe5828e",
        "it knows no trailers, takes every head for that of the response, and ends chunks by one piece of data",
    ),
    (
        "http1",
        "mitmproxy.proxy.layers.http._http1:Http1Client.send",
        "bf915de1a0fde10b",
        "it knows no trailers, and ends chunks by one piece of data",
    ),
    (
        "http2",
        "mitmproxy.proxy.layers.http._http2:Http2Client.handle_h2_event",
        "a3ffa2ebf8bb2daa",
        "it drops interim responses",
    ),
    (
        "http3",
        "mitmproxy.proxy.layers.http:HttpLayer._handle_event",
        "5dbe5ae099431ea0",
        "it makes the layer of a client by the name Http3Server of its module, where ours is put",
    ),
    (
        "http3",
        "mitmproxy.proxy.layers.http._http3:Http3Connection._handle_event",
        "402e8ba236ab0ced",
        "it sends a head by send_headers of h3_conn",
    ),
    (
        "http3",
        "mitmproxy.proxy.layers.http._http_h3:LayeredH3Connection.send_headers",
        "70347f05a6191dfc",
        "it refuses a head unless headers_send_state is INITIAL",
    ),
    (
        "proxy_protocol",
        "mitmproxy.proxy.mode_servers:ServerInstance.handle_stream",
        "1c3c1b86397b3c55",
        "listeners call it for each connection, and what the connection is comes from the reader and writer alone",
    ),
    (
        "proxy_protocol",
        "mitmproxy.proxy.server:LiveConnectionHandler.__init__",
        "f387063305cb2cb0",
        "the client's addresses are what get_extra_info of the writer says",
    ),
    (
        "shared_port",
        "mitmproxy.proxy.mode_servers:AsyncioServerInstance.listen",
        "13c0697172a3de67",
        "it opens the listeners, by start_server for TCP, and returns them",
    ),
    (
        "shared_port",
        "mitmproxy.proxy.mode_servers:AsyncioServerInstance._start",
        "1225e4294d5c97d2",
        "it asks listen with host and port, and keeps what that returns",
    ),
    (
        "shared_port",
        "mitmproxy.proxy.mode_servers:AsyncioServerInstance._stop",
        "cc5c773f238b06a9",
        "it closes what listen returned",
    ),
    (
        "slow_viewers",
        "mitmproxy.tools.web.app:WebSocketEventBroadcaster",
        "8a39e9e2acec1ffa",
        "what a browser has not taken is in _send_queue, which has no bound, and its connection is in connections",
    ),
    (
        "slow_viewers",
        "mitmproxy.tools.web.app:ClientConnection",
        "0f3c15fba9c4aa73",
        "it is what is connected where mitmweb is shown",
    ),
    (
        "goaway",
        "mitmproxy.proxy.layers.http:HttpLayer._handle_event",
        "5dbe5ae099431ea0",
        "the layers of clients have names of its module, and a Wakeup goes to the layer that command_sources names",
    ),
    (
        "goaway",
        "mitmproxy.proxy.layers.http:HttpLayer.event_to_child",
        "4c839d60a5dd3c7a",
        "a stream that is over leaves streams, and what a layer asks to be woken by is in command_sources",
    ),
    (
        "goaway",
        "mitmproxy.proxy.tunnel:TunnelLayer._handle_event",
        "986b40c1492cb108",
        "TLS passes a Wakeup on",
    ),
    (
        "goaway",
        "mitmproxy.proxy.layers.quic._stream_layers:QuicLayer._handle_event",
        "9c0f89036f850a18",
        "QUIC passes a Wakeup on that is not its own",
    ),
    (
        "goaway",
        "mitmproxy.proxy.layers.http._http1:Http1Connection.mark_done",
        "b322a34d7c87aa59",
        "it closes a connection whose response says Connection: close",
    ),
    (
        "goaway",
        "mitmproxy.proxy.layers.http._http2:Http2Connection.close_connection",
        "b871902060df75b6",
        "it closes the connection, and puts another handler of events in place",
    ),
    (
        "goaway",
        "mitmproxy.proxy.layers.http._http3:Http3Connection._handle_event",
        "402e8ba236ab0ced",
        "a connection that is closed gets another handler of events",
    ),
    (
        "goaway",
        "mitmproxy.proxy.layers.http._http_h3:MockQuic",
        "ad1f9677025e89da",
        "send_stream_data and close are kept until transmit",
    ),
    (
        "goaway",
        "mitmproxy.proxy.layers.http._http_h3:LayeredH3Connection.close_connection",
        "d25ade76ef437388",
        "it sets _is_done",
    ),
    (
        "goaway",
        "aioquic.h3.connection:H3Connection._init_connection",
        "80c43caaf2bfb54d",
        "_local_control_stream_id is the stream of control frames",
    ),
    (
        "goaway",
        "mitmproxy.proxy.server:ConnectionHandler.server_event",
        "a9aa2c5307ef8e15",
        "it hands an event to the topmost layer, and does what comes of it",
    ),
    (
        "flow_file",
        "mitmproxy.addons.save:Save.save_flow",
        "86eb332b1b5c0129",
        "every flow that has ended is written by it, and it ends the process where that fails",
    ),
    (
        "flow_file",
        "mitmproxy.addons.save:Save.done",
        "2e139756619d4525",
        "it writes the flows that are under way, and closes the file",
    ),
    (
        "flow_file",
        "mitmproxy.addons.save:Save.configure",
        "5a6564cdfa707e28",
        "a file is opened when the option is set, and done is called when it is unset",
    ),
    (
        "flow_file",
        "mitmproxy.addons.save:Save.maybe_rotate_to_new_file",
        "cc85deec116ac05f",
        "stream.fo is the file, and current_path its name",
    ),
    (
        "framing",
        "mitmproxy.proxy.layers.http._http1:Http1Client.send",
        "bf915de1a0fde10b",
        "it takes the request of the head for its own, and writes whatever data comes",
    ),
    (
        "framing",
        "mitmproxy.proxy.layers.http._http1:Http1Client.read_headers",
        "deee23a79fe992b4",
        "it tells a head before it reads on, with the response that it keeps itself, and of an end by stream_id",
    ),
    (
        "framing",
        "mitmproxy.proxy.layers.http._http1:Http1Connection.mark_done",
        "b322a34d7c87aa59",
        "whether a connection is over it decides by self.request and self.response",
    ),
    (
        "framing",
        "mitmproxy.proxy.layers.http._http1:Http1Connection.read_body",
        "d821888c1e1512b3",
        "it asks body_reader once more where a response is done already",
    ),
    (
        "framing",
        "mitmproxy.proxy.layers.http._http1:make_body_reader",
        "9b076acda459637b",
        "a body that ends with the connection has an Http10Reader",
    ),
    (
        "framing",
        "mitmproxy.proxy.layers.http._http1:Http1Server.send",
        "372d1bf2afe5828e",
        "a body that is cut off ends by CloseConnection, and self.response is what the client got",
    ),
    (
        "framing",
        "mitmproxy.proxy.server:ConnectionHandler.handle_connection",
        "2cd24c42884752ac",
        "a reset is told as a ConnectionClosed, while transports still has the reader",
    ),
    (
        "framing",
        "asyncio.streams:StreamReader.set_exception",
        "3a989536c2a72ba0",
        "an error of a connection is what exception() of its reader returns",
    ),
    (
        "request_length",
        "mitmproxy.proxy.layers.http:HttpStream.handle_protocol_error",
        "0dbef15c4f5bfb6c",
        "an error of the client's goes on to the backend where that has a part of the request, and ends the stream",
    ),
    (
        "request_length",
        "mitmproxy.proxy.layers.http:HttpLayer.event_to_child",
        "4c839d60a5dd3c7a",
        "what still comes for a stream that has ended is dropped",
    ),
    (
        "response_heads",
        "mitmproxy.proxy.layers.http._http1:should_make_pipe",
        "a6c0dc00208d5e49",
        "a 101 makes a tunnel of the connection",
    ),
    (
        "websocket_ends",
        "mitmproxy.proxy.layers.http:HttpStream.flow_done",
        "f04929d962deba7b",
        "it makes the layer by the name WebsocketLayer of its module, where ours is put",
    ),
    (
        "websocket_ends",
        "mitmproxy.proxy.layers.websocket:WebsocketLayer.relay_messages",
        "0ababbed07c09cbe",
        "an end without a close frame sends nothing but close frames, and none to a side that has one",
    ),
    (
        "websocket_ends",
        "wsproto.connection:Connection.receive_data",
        "4bb168bef8713585",
        "an end without a close frame is the event of a close with 1006",
    ),
    (
        "inactivity",
        "mitmproxy.proxy.server:ConnectionHandler.on_timeout",
        "9d8b0d2ed237e23b",
        "it closes the client's connection",
    ),
    (
        "inactivity",
        "mitmproxy.proxy.server:ConnectionHandler.__init__",
        "d3c0f7253517568f",
        "the watchdog calls on_timeout by that name; UDP has a time of its own",
    ),
    (
        "inactivity",
        "mitmproxy.proxy.server:TimeoutWatchdog.watch",
        "397c0ea735dc7883",
        "it ends once it has called, in the task that is cancelled with the connection; it waits as we do",
    ),
    (
        "inactivity",
        "mitmproxy.proxy.server:TimeoutWatchdog.disarm",
        "9bdf822a824f6bfa",
        "can_timeout is clear while a hook runs, and after it the time begins anew",
    ),
    (
        "inactivity",
        "mitmproxy.proxy.layers.http:HttpLayer._handle_event",
        "5dbe5ae099431ea0",
        "a Wakeup goes to the stream that command_sources names",
    ),
    (
        "inactivity",
        "mitmproxy.proxy.layer:Layer.handle_event",
        "1dd2c9090fd69965",
        "a layer that waits for something has _paused",
    ),
    (
        "qpack",
        "mitmproxy.proxy.layers.http._http3:Http3Connection.__init__",
        "18a3c54b21b0c019",
        "it makes the connection by the name LayeredH3Connection of its module, where ours is put",
    ),
    (
        "qpack",
        "aioquic.h3.connection:H3Connection._encode_headers",
        "aaece10a488df883",
        "every head and all trailers are coded by it, and nothing is noted of one that is not coded by the library",
    ),
    (
        "quic",
        "mitmproxy.proxy.layers.quic._stream_layers:QuicLayer.start_tls",
        "187f669c0fc15a90",
        "it makes the connection by the name QuicConnection of its module, where ours is put",
    ),
    (
        "quic",
        "mitmproxy.proxy.layers.quic._stream_layers:QuicLayer.receive_data",
        "b3134809c6664c78",
        "all that comes of a packet it takes from next_event",
    ),
    (
        "quic",
        "mitmproxy.proxy.layers.quic._stream_layers:QuicLayer._handle_command",
        "fb366105ac7c554a",
        "a stream is broken off by reset_stream, once _get_or_create_stream_for_send has returned it",
    ),
    (
        "quic",
        "mitmproxy.proxy.layers.http._http_h3:LayeredH3Connection.handle_stream_event",
        "743ef7aa71c95025",
        "data of a stream that has ended, even none, closes the connection",
    ),
    (
        "quic",
        "aioquic.quic.connection:QuicConnection._handle_stop_sending_frame",
        "b51f32a1ba3b97d2",
        "it breaks the stream off, and a frame is two numbers, the stream's first",
    ),
    (
        "quic",
        "aioquic.quic.connection:QuicConnection._get_or_create_stream_for_send",
        "40fc9dccdfd40d0f",
        "all that is sent on a stream goes to what it returns, and it raises where a stream is over and forgotten",
    ),
    (
        "quic",
        "aioquic.quic.stream:QuicStreamReceiver.handle_frame",
        "e0ebe143f24a8e2a",
        "a frame that comes after the end of its stream tells that end once more, without data",
    ),
    (
        "quic",
        "aioquic.quic.stream:QuicStreamSender.reset",
        "19ca0a4df152a41c",
        "it raises the second time; _reset_error_code is set from the first on",
    ),
    (
        "inactivity",
        "aioquic.quic.connection:QuicConnection.handle_timer",
        "f3e5ff4dcefdc223",
        "a connection at rest is over at _close_at",
    ),
    (
        "inactivity",
        "aioquic.quic.connection:QuicConnection._close_end",
        "7a0b867a917ff5e3",
        "_close_at is None once a connection is over",
    ),
    (
        "inactivity",
        "mitmproxy.proxy.layers.quic._stream_layers:QuicLayer.tls_interact",
        "55d9e86580f6351a",
        "the timer of QUIC is always set",
    ),
    (
        "stateless_reset",
        "mitmproxy.proxy.layers.quic:ClientQuicLayer.receive_handshake_data",
        "05bf3997510c2c32",
        "it gets the first packets from an address, and has tls once there is a connection",
    ),
    (
        "stateless_reset",
        "mitmproxy.proxy.tunnel:TunnelLayer._handle_event",
        "986b40c1492cb108",
        "what is closed by then has no handshake that fails",
    ),
    (
        "stateless_reset",
        "aioquic.quic.configuration:QuicConfiguration",
        "99d78957ac1b83bb",
        "a connection ID that is ours has 8 bytes",
    ),
    (
        "quic",
        "aioquic.quic.connection:QuicConnection._replenish_connection_ids",
        "2a8198ca6646b490",
        "it makes the further connection IDs, which the client is told later",
    ),
    (
        "quic",
        "aioquic.quic.connection:QuicConnection._serialize_transport_parameters",
        "ff391cc6f226e17a",
        "the client is told the token of the first connection ID after the connection was made",
    ),
    (
        "alt_svc",
        "mitmproxy.proxy.layers.http:HttpLayer._handle_event",
        "5dbe5ae099431ea0",
        "it makes the layers of clients by names of its module, where ours are put",
    ),
    (
        "alt_svc",
        "mitmproxy.addons.update_alt_svc:UpdateAltSvc.responseheaders",
        "f52fe98c83698e58",
        "it changes the field in the hook, before a head leaves",
        "http1_bounds",
        "mitmproxy.proxy.layers.http._http1:Http1Server.read_headers",
        "496f9de6da56eb2d",
        "it takes a head out of self.buf once it is whole, and tells of it by ReceiveHttp before it reads the body",
    ),
    (
        "http1_bounds",
        "mitmproxy.proxy.layers.http._http1:Http1Client.read_headers",
        "deee23a79fe992b4",
        "it takes a head out of self.buf once it is whole, and tells of it by ReceiveHttp before it reads the body",
    ),
    (
        "http1_bounds",
        "mitmproxy.proxy.layers.http._http1:Http1Connection._handle_event",
        "8e7c38711a968c35",
        "what comes is put into self.buf, whatever the state makes of it",
    ),
    (
        "http1_bounds",
        "mitmproxy.proxy.layers.http._http1:Http1Connection.read_body",
        "d821888c1e1512b3",
        "what is left in self.buf once it returns is the beginning of a line",
    ),
    (
        "http1_bounds",
        "mitmproxy.proxy.layers.http._http1:Http1Server.mark_done",
        "ad430d70d5b96475",
        "with request=True nothing more is read before the response is done",
    ),
    (
        "http1_bounds",
        "mitmproxy.proxy.layers.http._http1:make_error_response",
        "03ce75ab62e8e78b",
        "it makes a whole response, and is found by this name",
    ),
    (
        "http1_bounds",
        "h11._receivebuffer:ReceiveBuffer",
        "108c4355eb3b1717",
        "_data is all that is there, and a blank line ends a head",
    ),
    (
        "http1_bounds",
        "h11._readers:ChunkedReader",
        "4d2629eeaaf366b6",
        "_reading_trailer tells what it waits for, and it waits without a bound",
    ),
    (
        "http1_bounds",
        "mitmproxy.proxy.server:ConnectionHandler.close_connection",
        "9ec60a685e608fd3",
        "half_close ends our side alone",
    ),
    (
        "quic",
        "aioquic.quic.connection:QuicConnection.__init__",
        "e6caa005cb3adac2",
        "it makes _loss with these arguments, and nothing has used it by then",
    ),
    (
        "quic",
        "aioquic.quic.connection:QuicConnection.datagrams_to_send",
        "c593d9baf83bd9fe",
        "a packet that asks whether anything arrives goes out past congestion, and takes _probe_pending back",
    ),
    (
        "quic",
        "aioquic.quic.recovery:QuicPacketRecovery.on_ack_received",
        "7136fbadc49cb045",
        "with each sample of the time of a packet it sets _rtt_variance, which nothing asks for before it returns",
    ),
    (
        "http3",
        "mitmproxy.proxy.layers.http._http_h3:LayeredH3Connection.handle_stream_event",
        "743ef7aa71c95025",
        "what comes for a stream in _closed_streams is dropped",
    ),
    (
        "http3",
        "aioquic.h3.connection:H3Connection._get_or_create_stream",
        "32d5b9d3271b87c1",
        "streams are in _stream, each with ended and headers_send_state, and nothing takes them out",
    ),
    (
        "discarding",
        "mitmproxy.proxy.server:ConnectionHandler.close_connection",
        "9ec60a685e608fd3",
        "half_close ends our side alone, and the connection is read further",
    ),
    (
        "discarding",
        "mitmproxy.proxy.server:ConnectionHandler.handle_connection",
        "2cd24c42884752ac",
        "a socket is closed, whatever is unread in it",
    ),
    (
        "hpack_bounds",
        "hpack.hpack:Decoder",
        "d34627b874c83f8a",
        "_update_encoding_context and _assert_valid_table_size are all of a block but its lines",
    ),
    (
        "hpack_bounds",
        "hpack.hpack:Encoder.add",
        "e95c584678e5397a",
        "huffman says of a line how its texts are written, and decides nothing else",
    ),
    (
        "hpack_bounds",
        "hpack.table:HeaderTable",
        "1c70cdb1540c178d",
        "an entry that is larger than the table empties it; an entry counts for 32 bytes more than its texts",
    ),
    (
        "hpack_bounds",
        "h2.connection:_decode_headers",
        "ee1b71503327698a",
        "it decodes with raw=True, and OversizedHeaderListError ends the connection by ENHANCE_YOUR_CALM",
    ),
    (
        "hpack_bounds",
        "h2.connection:H2Connection._acknowledge_settings",
        "8149e9bbeaa9f256",
        "the size of table that a peer allows is set on the encoder",
    ),
    (
        "http2_bounds",
        "mitmproxy.proxy.layers.http._http2:Http2Connection.__init__",
        "0b8b908e5fb52e4b",
        "it makes its h2_conn by the name BufferedH2Connection of its module",
    ),
    (
        "http2_bounds",
        "mitmproxy.proxy.layers.http._http2:Http2Connection._handle_event",
        "2edfec00add56035",
        "an error of h2 comes to handle_h2_event as an event, after which nothing is sent",
    ),
    (
        "http2_bounds",
        "mitmproxy.proxy.layers.http._http2:Http2Connection.close_connection",
        "b871902060df75b6",
        "it closes the connection and tells of it each stream that is in self.streams",
    ),
    (
        "http2_bounds",
        "mitmproxy.proxy.layers.http._http2:Http2Connection.handle_h2_event",
        "a2463afad6ddeedc",
        "trailers are told by ReceiveHttp; what comes for a stream that is not in self.streams is dropped",
    ),
    (
        "http2_bounds",
        "mitmproxy.proxy.layers.http._http2:Http2Server.handle_h2_event",
        "0ae08c5ffcb46e03",
        "a request is told by ReceiveHttp",
    ),
    (
        "http2_bounds",
        "mitmproxy.proxy.layers.http._http2:Http2Client.handle_h2_event",
        "a3ffa2ebf8bb2daa",
        "a response is told by ReceiveHttp",
    ),
    (
        "http2_bounds",
        "mitmproxy.proxy.layers.http._http_h2:BufferedH2Connection.__init__",
        "09a958d0c99672e3",
        "it is made of a configuration only",
    ),
    (
        "http2_bounds",
        "h2.connection:H2Connection.__init__",
        "e9d1cb450444c6be",
        "decoder, encoder and incoming_buffer may be replaced before anything has come",
    ),
    (
        "http2_bounds",
        "h2.connection:H2Connection.receive_data",
        "940858b1c45b0549",
        "an error within a frame is sent as a GOAWAY with its code, and raised",
    ),
    (
        "http2_bounds",
        "h2.connection:H2Connection._receive_frame",
        "45b9ab4a6b061184",
        "every frame comes to it, those of a field block as one",
    ),
    (
        "http2_bounds",
        "h2.connection:H2Connection._receive_headers_frame",
        "b14fe4a7b07f50e3",
        "it decodes, and what is raised there is raised before a stream is begun",
    ),
    (
        "http2_bounds",
        "h2.connection:H2Connection._prepare_for_sending",
        "ccb5b7004418377d",
        "every frame that is sent comes to it",
    ),
    (
        "http2_bounds",
        "h2.frame_buffer:FrameBuffer._update_header_buffer",
        "206dacea38ce5cdf",
        "_headers_buffer has the pieces of a field block that is not whole, and a whole one is returned",
    ),
    (
        "http2_bounds",
        "h2.stream:H2Stream.receive_window_update",
        "1370b159ea2acf6a",
        "a window that is too large resets the stream, which is told as a StreamReset that is not remote",
    ),
    (
        "closed_connections",
        "mitmproxy.proxy.server:ConnectionHandler.server_event",
        "a9aa2c5307ef8e15",
        "it waits for a lock before the layers get an event",
    ),
    (
        "closed_connections",
        "mitmproxy.proxy.server:ConnectionHandler.handle_connection",
        "2cd24c42884752ac",
        "it tells by ConnectionClosed, with the state set before; then it waits where that is CAN_WRITE",
    ),
    (
        "closed_connections",
        "mitmproxy.proxy.server:ConnectionHandler.drain_writers",
        "e7d7a0d4bdd7ddf8",
        "it cancels the task of each connection to which it cannot write",
    ),
]


def source_of(internal: str) -> str:
    """The source of `module:name.name`."""
    module, _, names = internal.partition(":")
    found = importlib.import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return textwrap.dedent(inspect.getsource(found))


@pytest.mark.parametrize(
    ("patch", "internal", "known", "relies_on"), INTERNALS, ids=[f"{row[0]}-{row[1]}" for row in INTERNALS]
)
def test_what_a_patch_relies_on_is_as_it_was(patch: str, internal: str, known: str, relies_on: str) -> None:
    now = hashlib.sha256(source_of(internal).encode()).hexdigest()[:16]
    assert now == known, (
        f"{internal} has changed. hooks/patches/{patch}.py relies on this: {relies_on}. "
        f"If it still does, its hash is now {now}"
    )


def test_every_patch_is_guarded() -> None:
    files = {path.stem for path in Path(patches.__file__).parent.glob("*.py")} - {"__init__"}
    assert {row[0] for row in INTERNALS} == files
