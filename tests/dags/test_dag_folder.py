"""The Dag folder as Airflow reads it."""

import importlib
import subprocess
import sys

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from devstack.project import project_root
from maskmatch.operators import RETRY_POLICY


@pytest.fixture(scope="module")
def dags() -> dict[str, DAG]:
    bag = DagBag(project_root() / "dags")
    assert bag.import_errors == {}
    return dict(bag.dags)


def test_every_dag_has_a_runbook_an_owner_and_a_tag(dags):
    assert dags
    for dag in dags.values():
        assert "When a task fails" in dag.doc_md
        assert (dag.owner, dag.tags, dag.catchup) == ("maskmatch", {"maskmatch"}, False)


def test_every_runbook_leads_to_the_document_for_operators_on_the_page(dags):
    for dag in dags.values():
        assert "[docs/operations.md](/maskmatch/docs/operations.md)" in dag.doc_md
    back = project_root() / "docs" / "operations.md"
    assert "(../plugins/maskmatch/dags/nightly.py)" in back.read_text()


def test_the_runbook_leads_to_the_dag_for_another_threshold(dags):
    assert "Trigger the Dag `republish` with the date and `nominal_fmr`" in dags["nightly_comparison"].doc_md


def test_the_nightly_dag_goes_plan_approve_compare_publish_report(dags):
    dag = dags["nightly_comparison"]
    order = [task.task_id for task in dag.topological_sort()]
    assert order == ["plan", "approve", "compare", "publish", "report"]
    assert dag.task_dict["compare"].is_mapped


def test_airflow_reads_each_dag_and_its_params_back_from_its_database(dags):
    for dag_id, dag in dags.items():
        back = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        assert back.params.dump() == dag.params.dump(), dag_id


def test_every_param_has_a_title_and_a_help_text(dags):
    params = dags["nightly_comparison"].params
    found = [params.get_param(name) for name in params]
    assert found
    assert all(param.schema["title"] and param.description.endswith(".") for param in found)


def test_tasks_that_a_person_must_mend_are_not_tried_again(dags):
    for task in dags["nightly_comparison"].tasks:
        policy = task.partial_kwargs["retry_policy"] if task.is_mapped else task.retry_policy
        assert policy is not None
    names = {name for rule in RETRY_POLICY.rules for name in _names(rule.exception)}
    assert {name.rpartition(".")[2] for name in names} == {
        "ImportError",
        "EndedForPerson",
        "EndedForNow",
    }
    for name in names:
        module, _, error = name.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), error), (SystemExit, ImportError))


def _names(exception):
    return [exception] if isinstance(exception, str) else exception


def test_parsing_the_dag_imports_neither_boto3_nor_pyarrow_nor_the_sdk():
    heavy = "boto3 pyarrow pandas tencentcloud cv2"
    # An asset lets Airflow import what each provider has for addresses, of which Amazon's needs boto3.
    code = (
        "import sys, runpy; import airflow.sdk; sys.modules['airflow.providers.amazon'] = None;"
        "before = set(sys.modules);"
        f"runpy.run_path({str(project_root() / 'dags' / 'nightly_comparison.py')!r});"
        f"print(sorted(set({heavy.split()!r}) & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
