"""Figures that are no rounds: a start with many servers, memory when idle, memory of open streams."""

import socket
import tempfile
import time

import company
import mcp
from contenders import Gateway

SERVERS = 100


def start_ms(options, upstream):
    """From the start of the process to the first answer of a tool, with 100 servers in the snapshot."""
    with tempfile.TemporaryDirectory(prefix="bench-start-", dir=options.place) as place:
        made = company.crowd(upstream.url, SERVERS)
        begin = time.monotonic()
        gateway = Gateway("gateway", "relaxed", made, options, place)
        try:
            while True:
                try:
                    mcp.check(gateway, "calls")
                    return (time.monotonic() - begin) * 1e3
                except (OSError, mcp.Wrong):
                    if gateway.process.poll() is not None or time.monotonic() - begin > 60:
                        raise SystemExit(f"the gateway does not start:\n{gateway.log.read_text()[-2000:]}") from None
                    time.sleep(0.002)
        finally:
            gateway.stop()


def stream(port, path):
    """An open `subscriptions/listen`, acknowledged."""
    headers, body = mcp.request("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n{lines}\r\n{body}".encode())
    heard = b""
    while b"acknowledged" not in heard:
        more = connection.recv(4096)
        if not more:
            raise SystemExit(f"a stream ended: {heard[:500]!r}")
        heard += more
    return connection


def memory(options, upstream):
    """Memory of a gateway on which nothing ever happened, and of each of many streams."""
    with tempfile.TemporaryDirectory(prefix="bench-memory-", dir=options.place) as place:
        gateway = Gateway("gateway", "relaxed", company.objects(upstream.url), options, place).ready()
        try:
            idle_mb, own_mb = gateway.rss_mb(), gateway.rss_mb("RssAnon")
            streams = [stream(gateway.port, gateway.path("calls")) for _ in range(options.streams)]
            kb = (gateway.rss_mb() - idle_mb) * 1024 / max(len(streams), 1)
            for each in streams:
                each.close()
            return {"idle_mb": idle_mb, "own_mb": own_mb, "streams": len(streams), "stream_kb": kb}
        finally:
            gateway.stop()
