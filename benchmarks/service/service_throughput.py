"""How many calls the local service answers, and what one comparison of faces costs.

Hash scores: signed calls over 16 kept connections from a cheap client on the same machine, side by side with
the same web server that checks nothing and answers a fixed text. Model scores: pairs of portraits never seen
before, over HTTP with one thread of the model per processor; and one pair in one thread, with the service's
three averaged alignments and with the plain one.
"""

import base64
import json
import multiprocessing
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
from comparemaskface.vision.detection import Detector
from comparemaskface.vision.embedding import Embedder, align
from comparemaskface.vision.faces import FaceModel
from comparemaskface.vision.weights import find_weights
from comparemaskface.web.running import build_server, listen
from comparemaskface.wire.replies import success
from starlette.types import Receive, Scope, Send

from benchmarks.report import main
from benchmarks.service.load import Load, send, signed_request
from devstack.processes import own_port
from devstack.service import LocalService

PORTRAITS = sorted((Path(__file__).resolve().parents[2] / "demo" / "portraits").glob("*.jpg"))
CONNECTIONS = 16
ROUNDS = 3
GOALS = {"hash_calls_per_second": (">=", 3000), "memory_mb": ("<=", 600)}


def run(quick: bool) -> dict[str, float]:
    """Make 60,000 calls and compare 100 pairs; quick: 10,000 and 20."""
    calls, pairs = (10_000, 20) if quick else (60_000, 100)
    hashed, bare = _hash_and_bare(calls // ROUNDS)
    return {
        "hash_calls_per_second": round(hashed.per_second),
        "hash_median_ms": round(hashed.quantile(0.5), 2),
        "hash_99_percent_ms": round(hashed.quantile(0.99), 2),
        "bare_server_calls_per_second": round(bare.per_second),
        "share_of_bare_server": round(hashed.per_second / bare.per_second, 3),
        **_model_load(pairs),
        **_one_thread(quick),
    }


def _hash_and_bare(calls: int) -> tuple[Load, Load]:
    """Load both servers in turn, so that whatever else the machine does hits both; return the best rounds."""
    with tempfile.TemporaryDirectory() as folder, _hash_service(Path(folder)) as service:
        signed = _signed(service, [_links(number) for number in range(1000)])
        with _bare_server() as port:
            _send_until_listening(port, signed[0])
            rounds = [
                [send(each, signed, calls=calls, connections=CONNECTIONS) for each in (_port(service), port)]
                for _ in range(ROUNDS)
            ]
    hashed, bare = (max(loads, key=lambda load: load.per_second) for loads in zip(*rounds, strict=True))
    return hashed, bare


def _hash_service(folder: Path) -> LocalService:
    return LocalService(folder, scores="hash", calls_per_second=0, meter=False)


def _model_load(pairs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        every, peak = _compare(Path(folder), pairs, workers=None)
        single, _ = _compare(Path(folder), pairs // 2, workers=1)
    return {
        "model_pairs_per_second": round(every.per_second, 2),
        "model_pairs_per_second_one_thread": round(single.per_second, 2),
        "memory_mb": peak,
    }


def _compare(folder: Path, pairs: int, *, workers: int | None) -> tuple[Load, int]:
    """Compare pairs that were never seen; return the load and the service's peak memory in MB."""
    with LocalService(folder, scores="model", calls_per_second=0, meter=False, workers=workers) as service:
        _send(service, [_pair(-1)], calls=1, connections=1)  # the first pass through a network sets it up
        load = _send(service, [_pair(number) for number in range(pairs)], calls=pairs, connections=4)
        return load, _peak_memory_mb(service.pid)


def _peak_memory_mb(pid: int) -> int:
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return round(int(kilobytes) * 1024 / 1e6)


def _one_thread(quick: bool) -> dict[str, float]:
    cv2.setNumThreads(1)
    model, weights = FaceModel(), find_weights()
    detector, embedder = Detector(weights.detector), Embedder(weights.recogniser)

    def read_plain(image: cv2.typing.MatLike) -> None:
        embedder.embed(align(image, detector.detect(image)[0].landmarks))

    repeats = 1 if quick else 3
    averaged, plain = _pair_ms(model.read, repeats), _pair_ms(read_plain, repeats)
    return {"averaged_ms_per_pair_one_thread": averaged, "plain_ms_per_pair_one_thread": plain}


def _pair_ms(read: Callable[[cv2.typing.MatLike], object], repeats: int) -> float:
    images = [cv2.imread(str(path)) for path in PORTRAITS]
    read(images[0])
    taken = [_milliseconds(read, image) for _ in range(repeats) for image in images]
    return round(2 * statistics.fmean(taken), 1)


def _milliseconds(read: Callable[[cv2.typing.MatLike], object], image: cv2.typing.MatLike) -> float:
    started = time.perf_counter()
    read(image)
    return (time.perf_counter() - started) * 1000


def _send(service: LocalService, bodies: list[bytes], *, calls: int, connections: int) -> Load:
    requests = _signed(service, bodies)
    return send(_port(service), requests, calls=calls, connections=connections)


def _signed(service: LocalService, bodies: list[bytes]) -> list[bytes]:
    who = {"secret_id": service.secret_id, "secret_key": service.secret_key}
    return [signed_request(body, endpoint=service.endpoint, **who) for body in bodies]


def _port(service: LocalService) -> int:
    return int(service.endpoint.partition(":")[2])


def _links(number: int) -> bytes:
    return b'{"UrlA": "http://pictures.test/%d.jpg", "UrlB": "http://pictures.test/b.jpg"}' % number


def _pair(number: int) -> bytes:
    """Return a request with two portraits in files that no other number has."""
    a, b = PORTRAITS[number % len(PORTRAITS)], PORTRAITS[(number + 1) % len(PORTRAITS)]
    return json.dumps({"ImageA": _text(a, 2 * number), "ImageB": _text(b, 2 * number + 1)}).encode()


def _text(path: Path, number: int) -> str:
    content, comment = path.read_bytes(), number.to_bytes(4, signed=True)
    marked = (
        content[:2] + b"\xff\xfe\x00\x06" + comment + content[2:]
    )  # a JPEG comment after the first marker
    return base64.b64encode(marked).decode()


@contextmanager
def _bare_server() -> Iterator[int]:
    port = own_port(None)
    process = multiprocessing.get_context("spawn").Process(target=_serve_bare, args=(port,), daemon=True)
    process.start()
    try:
        yield port
    finally:
        process.terminate()
        process.join()


def _serve_bare(port: int) -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            while (await receive()).get("more_body"):
                pass
            await reply(scope, receive, send)

    reply = success(100.0, "00000000-0000-0000-0000-000000000000")
    with listen("127.0.0.1", port) as listener:
        build_server(answer).run(sockets=[listener])  # type: ignore[arg-type]  # any ASGI application will do


def _send_until_listening(port: int, request: bytes) -> None:
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        try:
            send(port, [request], calls=1, connections=1)
        except ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the bare server does not answer")


if __name__ == "__main__":
    sys.exit(main("service_throughput", __doc__, run, GOALS))
