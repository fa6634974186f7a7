"""Every case against the local service."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from comparemaskface.vision.scorers import HashScorer
from comparemaskface.web.app import build_app

from tests.comparemaskface.contract.by_hand import Answer
from tests.comparemaskface.contract.case import Case
from tests.comparemaskface.contract.cases import CASES
from tests.comparemaskface.contract.test_real_endpoint import (
    test_the_code_is_the_same as portable_test,
)
from tests.comparemaskface.contract.test_real_endpoint import (
    test_two_equal_portraits_get_a_score as portrait_test,
)
from tests.comparemaskface.contract.world import World, world
from tests.comparemaskface.service import SECRET_ID, SECRET_KEY, SETTINGS, running

pytestmark = pytest.mark.server

SOME = ("SDK", "altered")
"""Words in the names of the portable cases that a second pass takes: each takes as long as in the first."""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("accounts")) as services:
        yield services


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_answer_is_the_vendors(services: World, case: Case) -> None:
    assert not case.complaint(services)


def test_no_two_cases_have_the_same_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (Answer("Other", "says this", "i" * 36), "Other (says this) instead of Code"),
        (Answer("Code", "says that", "i" * 36), "does not say 'this'"),
        (Answer("Code", "says this", "no id"), "envelope"),
        (Answer("Code", "says this", "i" * 36, is_well_formed=False), "envelope"),
    ],
)
def test_a_wrong_answer_is_complained_of(answer: Answer, complaint: str) -> None:
    case = Case("a case", "Code", lambda _: answer, "this")
    assert complaint in case.complaint(World(now=0, plain=""))


def test_all_portable_cases_are_for_another_endpoint_too() -> None:
    portable = [case for case in CASES if case.is_portable]
    (cases,) = (mark.args[1] for mark in portable_test.pytestmark if mark.name == "parametrize")
    assert cases == portable
    assert len(portable) > 100


def test_some_of_them_run_against_another_endpoint_when_asked_for() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "real_endpoint", "-p", "no:cacheprovider"]
    some = " or ".join([*SOME, portrait_test.__name__])
    with running(build_app(SETTINGS, scorer=HashScorer(), clock=time.time)) as address:
        result = subprocess.run(
            [*command, "-k", some, os.fspath(Path(__file__).with_name("test_real_endpoint.py"))],
            env=os.environ
            | {
                "MASKMATCH_REAL_ENDPOINT": address,
                "MASKMATCH_REAL_SECRET_ID": SECRET_ID,
                "MASKMATCH_REAL_SECRET_KEY": SECRET_KEY,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    chosen = sum(case.is_portable and any(word in case.name for word in SOME) for case in CASES)
    assert chosen > 10
    assert f"{chosen + 1} passed" in result.stdout
