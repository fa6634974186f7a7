"""The portable cases against any endpoint, the vendor's own among them; deselected unless asked for.

    MASKMATCH_REAL_SECRET_ID=... MASKMATCH_REAL_SECRET_KEY=... \
        python -m pytest -m real_endpoint tests/comparemaskface/contract

MASKMATCH_REAL_ENDPOINT is https://iai.tencentcloudapi.com unless set. One call is billed.
"""

import base64
import os
import time

import pytest

from tests.comparemaskface.contract.by_hand import SCORED, Credential
from tests.comparemaskface.contract.by_sdk import by_sdk
from tests.comparemaskface.contract.case import Case
from tests.comparemaskface.contract.cases import CASES
from tests.comparemaskface.contract.cases_content import PORTRAIT
from tests.comparemaskface.contract.world import World

pytestmark = pytest.mark.real_endpoint


@pytest.fixture(scope="module")
def endpoint() -> World:
    try:
        good = Credential(os.environ["MASKMATCH_REAL_SECRET_ID"], os.environ["MASKMATCH_REAL_SECRET_KEY"])
    except KeyError as error:
        pytest.fail(f"set {error.args[0]} to call the real endpoint", pytrace=False)
    address = os.environ.get("MASKMATCH_REAL_ENDPOINT", "https://iai.tencentcloudapi.com")
    return World(now=float(int(time.time())), plain=address, good=good)


@pytest.mark.parametrize("case", [case for case in CASES if case.is_portable], ids=lambda case: case.name)
def test_the_code_is_the_same(endpoint: World, case: Case) -> None:
    # The code only: the vendor says that texts may change.
    assert case.act(endpoint).code == case.code


def test_two_equal_portraits_get_a_score(endpoint: World) -> None:
    portrait = base64.b64encode(PORTRAIT.read_bytes()).decode()
    answer = by_sdk(endpoint.plain, endpoint.credential("good"), {"ImageA": portrait, "ImageB": portrait})
    assert answer.code == SCORED
