"""What receives metrics on loopback: a StatsD socket, and a collector of OpenTelemetry over HTTP."""

import gzip
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric


@dataclass
class Received:
    """What has arrived by now, by name: sums of counters, last values of gauges, how many times were sent.

    Of exponential histograms also the unit.
    """

    port: int
    counters: Counter[str] = field(default_factory=Counter)
    gauges: dict[str, float] = field(default_factory=dict)
    timers: Counter[str] = field(default_factory=Counter)
    exponential: dict[str, str] = field(default_factory=dict)
    raw: list[bytes] = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        """Return the names of all metrics."""
        return {*self.counters, *self.gauges, *self.timers}

    def take_line(self, line: str) -> None:
        """Take one line of StatsD, `name:value|type`."""
        name, _, rest = line.partition(":")
        value, kind = rest.split("|")[:2]
        match kind:
            case "c":
                self.counters[name] += int(value)
            case "g":
                self.gauges[name] = float(value)
            case "ms":
                self.timers[name] += 1

    def take_metric(self, metric: Metric) -> None:
        """Take one metric of OpenTelemetry; its sums are those since the start of the process."""
        match metric.WhichOneof("data"):
            case "sum":
                self.counters[metric.name] = sum(int(point.as_int) for point in metric.sum.data_points)
            case "gauge":
                point = metric.gauge.data_points[-1]
                self.gauges[metric.name] = point.as_double or float(point.as_int)
            case "exponential_histogram":
                points = metric.exponential_histogram.data_points
                self.timers[metric.name] = sum(point.count for point in points)
                self.exponential[metric.name] = metric.unit
            case "histogram":
                self.timers[metric.name] = sum(point.count for point in metric.histogram.data_points)


@contextmanager
def statsd_socket() -> Iterator[Received]:
    """Yield what arrives at a UDP socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        received = Received(listening.getsockname()[1])

        def listen() -> None:
            while data := listening.recv(65536):
                received.raw.append(data)
                for line in data.decode().splitlines():
                    received.take_line(line)

        thread = Thread(target=listen, daemon=True)
        thread.start()
        yield received
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
            sending.sendto(b"", ("127.0.0.1", received.port))
        thread.join(5)


@contextmanager
def otlp_collector() -> Iterator[Received]:
    """Yield what arrives at a collector over HTTP."""
    received = Received(0)

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received.raw.append(body)
            request = ExportMetricsServiceRequest.FromString(body)
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        received.take_metric(metric)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    received.port = server.server_port
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
