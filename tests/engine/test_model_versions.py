import pytest

from maskmatch.core.errors import StopRun
from maskmatch.engine.model_versions import ModelVersions, OnModelChange
from maskmatch.engine.run import compare_pairs
from tests.engine.engines import engine, numbered


def test_one_version_is_no_change_and_failures_have_none():
    versions = ModelVersions()
    versions.add({"3.0"}, is_all=False)
    for version in ("3.0", None, "3.0"):
        versions.note(version)


def test_the_first_answer_of_another_version_stops_the_run_and_tells_both_cures():
    versions = ModelVersions()
    versions.add({"3.0"}, is_all=False)
    with pytest.raises(StopRun, match=r"3\.1 answers now.* of 3\.0.*recompare.*on_model_change to go_on"):
        versions.note("3.1")


def test_a_run_that_is_to_go_on_tells_it_once():
    told = []
    versions = ModelVersions(on_change=OnModelChange.GO_ON, warn=told.append)
    versions.add({"3.0"}, is_all=False)
    for version in ("3.1", "3.1", "3.0", "3.1"):
        versions.note(version)
    assert len(told) == 1
    assert "both are kept" in told[0]


def test_journals_of_two_versions_stop_a_run_that_has_more_to_call_and_no_other():
    told = []
    versions = ModelVersions(warn=told.append)
    versions.add({"3.0", "3.1"}, is_all=True)
    assert len(told) == 1
    with pytest.raises(StopRun):
        ModelVersions().add({"3.0", "3.1"}, is_all=False)


def test_what_was_paid_for_is_in_the_journal_before_the_run_stops():
    versions = ModelVersions()
    versions.add({"2.0"}, is_all=False)
    parts = engine(model_versions=versions, calls_in_flight=1)
    with pytest.raises(StopRun):
        compare_pairs(numbered("a", "b", "c", "d", "e", "f"), parts)
    assert len(parts.journal.entries) == parts.client.billed >= 1
    assert parts.client.billed < 6
