"""The two envelopes the vendor answers in, always with HTTP status 200."""

import json
from typing import Any

from starlette.responses import Response

from maskmatch.server.errors import Language, ServiceError

MODEL_VERSION = "3.0"


def success(score: float, request_id: str, *, model_version: str | None = None) -> Response:
    """Answer with a score."""
    version = model_version or MODEL_VERSION
    return _reply({"Score": score, "FaceModelVersion": version, "RequestId": request_id})


def failure(error: ServiceError, request_id: str, language: Language) -> Response:
    """Answer with a code and its text in the caller's language."""
    problem = {"Code": error.code, "Message": error.message(language, request_id)}
    return _reply({"Error": problem, "RequestId": request_id})


def _reply(content: dict[str, Any]) -> Response:
    # Without a charset: the vendor's SDK compares the header literally, and takes an error for a
    # success under any other content type.
    return Response(json.dumps({"Response": content}), media_type="application/json")
