"""Whatever stands between a client and the upstream: how it is started, where it is reached, what it has used."""

import argparse
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import company
import mcp

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 60
# Segments of the audit log that are left when room is made: the last ones are written.
SEGMENTS_KEPT = 4

NGINX = """
worker_processes {workers};
daemon off;
pid {place}/nginx.pid;
error_log {place}/error.log warn;
worker_rlimit_nofile 65536;
events {{ worker_connections 30000; }}
http {{
    access_log off;
    client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
    client_max_body_size 4m;
    keepalive_requests 100000000;
    keepalive_timeout 3600s;
    proxy_read_timeout 3600s;
    proxy_max_temp_file_size 0;
    upstream mock {{ server {upstream}; keepalive 256; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096{listen};
        location / {{ proxy_pass {scheme}://mock; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
}}
"""
# What makes of it a server behind TLS, with HTTP/2 for who asks for it.
BEHIND_TLS = " ssl http2; ssl_certificate {place}/cert.pem; ssl_certificate_key {place}/key.pem"

ENVOY = """
static_resources:
  listeners:
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          stream_idle_timeout: 0s
          route_config:
            virtual_hosts:
            - name: mock
              domains: ["*"]
              routes: [{{ match: {{ prefix: "/" }}, route: {{ cluster: mock, timeout: 0s }} }}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
  clusters:
  - name: mock
    type: STATIC
    connect_timeout: 5s
    circuit_breakers: {{ thresholds: [{{ max_connections: 20000, max_pending_requests: 20000, max_requests: 20000 }}] }}
    load_assignment:
      cluster_name: mock
      endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: {host}, port_value: {upstream_port} }} }} }} }}] }}]
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def family(pid):
    """`pid` and all that it started."""
    found, waiting = [], [pid]
    while waiting:
        each = waiting.pop()
        found.append(each)
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                waiting += [int(child) for child in task.read_text().split()]
            except OSError:
                pass
    return found


class Contender:
    """A running process, by its name in the tables."""

    # Whether tools are listed and called through projects, as the gateway has them.
    projects = False

    def __init__(self, name, command, port, place):
        self.name, self.port = name, port
        self.url = f"http://127.0.0.1:{port}"
        self.log = Path(place) / f"{name.replace(' ', '-')}.log"
        self.process = subprocess.Popen(command, stdout=self.log.open("wb"), stderr=subprocess.STDOUT)

    def path(self, what):
        """Where `what` is asked for: `calls`, `filtered`, or `listN` for N tools."""
        if self.projects:
            return f"/projects/{what}/mcp"
        return f"/tools/{what.removeprefix('list')}/mcp" if what.startswith("list") else "/mcp"

    def ready(self):
        begin, trouble = time.monotonic(), "does not answer"
        while time.monotonic() - begin < PATIENCE_S:
            if self.process.poll() is not None:
                trouble = "ended at once"
                break
            try:
                for what in ("calls", "list10", "list100", "list1000"):
                    mcp.check(self, what)
                return self
            except (OSError, mcp.Wrong):
                time.sleep(0.01)
        self.stop()
        raise SystemExit(f"{self.name} {trouble}:\n{self.log.read_text()[-2000:]}")

    def cpu_s(self):
        """Processor time of the process and its children, those that have ended included."""
        ticks = 0
        for pid in family(self.process.pid):
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            ticks += sum(int(field) for field in fields[11:15])
        return ticks / TICKS_PER_S

    def rss_mb(self, field="VmRSS"):
        """Resident memory of the process and its children; `RssAnon` is that which is no page of a file."""
        kib = 0
        for pid in family(self.process.pid):
            try:
                found = re.search(rf"{field}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
            except OSError:
                continue
            kib += int(found[1]) if found else 0
        return kib / 1024

    def make_room(self):
        pass

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Gateway(Contender):
    projects = True

    def __init__(self, name, mode, made, options, place):
        self.home = Path(place) / name.replace(" ", "-")
        self.home.mkdir(parents=True)
        snapshot = self.home / "snapshot.json"
        company.write(snapshot, made)
        port = free_port()
        variables = [f"{name}={value}" for name, value in company.environment().items()]
        command = [*options.pin_contender, "env", *variables, options.gateway, "--listen", f"127.0.0.1:{port}",
                   "--home", str(self.home), "--config-file", str(snapshot), "--audit-mode", mode]
        if options.model_dir:
            command += ["--model-dir", options.model_dir]
        super().__init__(name, command, port, place)

    def make_room(self):
        """Without a control plane the files are the audit log, and room is made by the operator."""
        segments = sorted((self.home / "gateway/local/audit").glob("*.jsonl"))
        for segment in segments[:-SEGMENTS_KEPT]:
            segment.unlink(missing_ok=True)


class Upstream(Contender):
    """The mock server; asked without anything between it is what all others are compared with."""

    def __init__(self, options, place):
        port = free_port()
        super().__init__("direct", [*options.pin_rest, options.upstream, f"127.0.0.1:{port}"], port, place)


def nginx(upstream, options, place, name="nginx", *, scheme="http", certified=False):
    """A plain reverse proxy before `upstream`, which it speaks `scheme` with; `certified`: behind TLS itself."""
    port = free_port()
    folder = Path(place) / f"{name.replace(' ', '-')}-files"
    folder.mkdir()
    config = folder / "nginx.conf"
    listen = ""
    if certified:
        certify(folder)
        listen = BEHIND_TLS.format(place=folder)
    config.write_text(NGINX.format(workers=os.cpu_count(), place=folder, port=port, upstream=f"127.0.0.1:{upstream.port}",
                                   scheme=scheme, listen=listen))
    pin = options.pin_rest if certified else options.pin_contender
    command = [*pin, options.nginx, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]
    started = Contender(name, command, port, place)
    started.folder = folder
    return started


def certify(folder):
    """A certificate for `localhost`, which is its own authority."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", str(folder / "key.pem"),
                    "-out", str(folder / "cert.pem")], check=True, capture_output=True)


def to_tls(upstream, options, place):
    """What stands before the mock server behind TLS, and those that reach it there."""
    front = nginx(upstream, options, place, "TLS", certified=True)
    yield front
    yield nginx(front, options, place, "nginx to TLS", scheme="https").ready()
    pin = [*options.pin_contender, "env", f"SSL_CERT_FILE={front.folder / 'cert.pem'}"]
    trusting = argparse.Namespace(**{**vars(options), "pin_contender": pin})
    made = company.objects(f"https://localhost:{front.port}")
    yield Gateway("gateway to TLS", "relaxed", made, trusting, place).ready()


def envoy(upstream, options, place):
    port = free_port()
    config = Path(place) / "envoy.yaml"
    config.write_text(ENVOY.format(port=port, host="127.0.0.1", upstream_port=upstream.port))
    command = [*options.pin_contender, options.envoy, "-c", str(config), "--concurrency", str(os.cpu_count()),
               "--log-level", "warning", "--disable-hot-restart"]
    return Contender("envoy", command, port, place)


def start(options, place):
    """All that there are programs for, the upstream first."""
    upstream = Upstream(options, place).ready()
    started = [upstream]
    try:
        if options.nginx:
            started.append(nginx(upstream, options, place).ready())
            if shutil.which("openssl"):
                started.extend(to_tls(upstream, options, place))
        if options.envoy:
            started.append(envoy(upstream, options, place).ready())
        for mode in ("relaxed", "strict"):
            made = company.objects(upstream.url)
            started.append(Gateway(f"gateway {mode}", mode, made, options, place).ready())
        if options.against:
            other = argparse.Namespace(**{**vars(options), "gateway": options.against})
            started.append(Gateway("gateway against", "relaxed", company.objects(upstream.url), other, place).ready())
    except BaseException:
        for each in started:
            each.stop()
        raise
    return started
