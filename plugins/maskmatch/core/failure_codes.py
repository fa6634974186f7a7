"""Why rows have no score: every failure code with its class, whether it lasts, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from maskmatch.core.codes import Action, table
from maskmatch.core.errors import BAD_ROW_CODES, IMAGE_CODES
from maskmatch.core.outcomes import FINAL_FAILURES, FailureClass
from maskmatch.core.store_troubles import IMAGE_UNAVAILABLE


class Lasting(StrEnum):
    """Whether a failure stays: one of the row needs a better row, a final one a better image."""

    OPEN = "open"
    FINAL = "final"
    OF_THE_ROW = "of the row"


@dataclass(frozen=True, slots=True)
class FailureCode:
    """One code; `advice` is what a person does about it."""

    code: str
    failure_class: FailureClass
    lasting: Lasting
    meaning: str
    advice: str


_BETTER_IMAGE = "Replace the image, then run the date again."
_MEND_ROW = "Mend the row in the manifest, then run the date again."
_AGAIN = "Redrive it; nothing is wrong with the pair."
_TELL = "Redrive it; if it stays, ask the vendor with the request_id."
_ADVICE = {
    "comparison_failed": "Redrive it once; if it stays, replace the worse of the two images.",
    "detection_failed": "Redrive it; if it stays, replace the image.",
    "face_too_small": "Crop the image to the face, or give a closer one, then run the date again.",
    "image_archived": "Restore the object from the archive, then redrive.",
    "image_download_failed": "Check that the vendor reaches the bucket (region, right), then redrive.",
    "image_empty": _BETTER_IMAGE,
    "image_forbidden": "Give the source's key the right to read the object, then redrive.",
    "image_id_invalid": _MEND_ROW,
    "image_missing": "Upload the image under its key, or mend the key in the manifest; then redrive, or run.",
    "image_not_allowed": "Allow the bucket or host, or mend the manifest; then redrive, or run.",
    "image_replaced": "Run the date again: it is planned anew.",
    "image_too_few_pixels": "Give an image with at least 64 px on the short edge, then run the date again.",
    "image_too_many_bytes": "Compress the image below 3.75 MB, then run the date again.",
    "image_too_many_pixels": "Scale the image down, then run the date again.",
    "image_unavailable": "See why its store cannot be read, then redrive.",
    "image_undecodable": "Save the image as JPG, PNG or BMP, then run the date again.",
    "low_quality": "Replace the image, or redrive with a lower quality_control.",
    "network_error": "Redrive it; look at maybe_billed_calls, it may have been paid.",
    "no_face": "Look at both images and their rotation; replace the one without a face, then run again.",
    "request_too_large": "Send URLs, or make the images smaller, then run the date again.",
    "throttled": "Redrive when the account has rate to spare; see maskmatch quota for who uses it.",
    "too_many_faces": "Crop the image to one face, then run the date again.",
    "unexpected_answer": _TELL,
    "url_invalid": "Mend the address in the manifest, then run the date again.",
    "value_refused": "See vendor_code and failure_message; mend the row, then run the date again.",
    "vendor_error": _TELL,
} | dict.fromkeys(BAD_ROW_CODES, _MEND_ROW)


@cache
def failure_codes() -> dict[str, FailureCode]:
    """Return every failure code that a row may have, in the order of the alphabet."""
    stops = (Action.STOP_RUN, Action.REFRESH_CREDENTIAL)
    rules = [rule for rule in table().values() if rule.action not in stops]
    own = {code: (FailureClass.DATA, meaning) for code, meaning in (BAD_ROW_CODES | IMAGE_CODES).items()}
    own[IMAGE_UNAVAILABLE] = (FailureClass.INFRASTRUCTURE, IMAGE_CODES[IMAGE_UNAVAILABLE])
    known = own | {rule.failure_code: (rule.failure_class, rule.meaning) for rule in reversed(rules)}
    return {
        code: FailureCode(code, kind, lasting_of(code), meaning, _ADVICE.get(code, _AGAIN))
        for code, (kind, meaning) in sorted(known.items())
    }


def lasting_of(code: str) -> Lasting:
    """Return whether a failure stays."""
    if code in BAD_ROW_CODES:
        return Lasting.OF_THE_ROW
    return Lasting.FINAL if code in FINAL_FAILURES else Lasting.OPEN
