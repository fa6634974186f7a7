"""The two envelopes the vendor answers in, always with HTTP status 200."""

import json

from starlette.responses import Response

from comparemaskface.wire.errors import ServiceError
from comparemaskface.wire.vendor_errors import Language

MODEL_VERSION = "3.0"


def success(score: float, request_id: str, *, model_version: str | None = None) -> Response:
    """Answer with a score."""
    version = model_version or MODEL_VERSION
    # As json.dumps would write it; this is on every good call's way, and takes a tenth of the time.
    ids = f'"FaceModelVersion": "{version}", "RequestId": "{request_id}"'
    return _json(f'{{"Response": {{"Score": {score!r}, {ids}}}}}')


def failure(error: ServiceError, request_id: str, language: Language) -> Response:
    """Answer with a code and its text in the caller's language."""
    problem = {"Code": error.code, "Message": error.message(language, request_id)}
    return _json(json.dumps({"Response": {"Error": problem, "RequestId": request_id}}))


def _json(text: str) -> Response:
    # Without a charset: the vendor's SDK compares the header literally, and takes an error for a
    # success under any other content type.
    return Response(text, media_type="application/json")
