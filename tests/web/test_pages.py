"""The pages in a real Airflow: who may look, who may order and from where, and what they tell of runs."""

import httpx
import pytest

from tests.waiting import wait_until
from tests.web.conftest import ACCOUNT, DAG, DONE, FAILED, UNDER_WAY

PAUSE = {"account": ACCOUNT, "order": "pause"}


def addresses(site):
    yield from ("/maskmatch/", f"/maskmatch/runs?dag_id={DAG}", "/maskmatch/static/page.js")
    yield from ("/maskmatch/docs/operations.md", "/maskmatch/docs/pictures/page-account-light.png")
    yield site.run_page(DONE)


def test_without_a_login_every_address_answers_401(site):
    with site.client() as nobody:
        answers = [nobody.get(address) for address in addresses(site)]
        answers.append(nobody.post("/maskmatch/orders", json=PAUSE))
        assert [each.status_code for each in answers] == [401] * len(answers)
        asked_by_a_person = nobody.get("/maskmatch/", headers={"Accept": "text/html"})
    assert (asked_by_a_person.status_code, "Please sign in" in asked_by_a_person.text) == (401, True)
    assert "manual__" not in asked_by_a_person.text


@pytest.mark.parametrize("user", ["view", "user"])
def test_who_may_not_change_pools_may_look_and_gives_no_orders(site, user):
    with site.client(user) as client:
        for address in addresses(site):
            assert client.get(address).status_code == 200
        assert client.post("/maskmatch/orders", json=PAUSE).status_code == 403
        page = client.get("/maskmatch/").text
    assert "data-order" not in page
    assert "Who may change pools may give orders" in page
    assert "Paused" not in page


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "headers",
    [
        {**JSON, "Origin": "https://evil.invalid", "Sec-Fetch-Site": "cross-site"},
        {**JSON, "Origin": "https://evil.invalid"},
        {**JSON, "Sec-Fetch-Site": "same-site"},
        {**JSON, "Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_an_order_that_another_site_makes_a_browser_send_is_refused(site, headers):
    answer = httpx.post(
        f"{site.airflow.url}/maskmatch/orders",
        content=b'{"account": "tencent_iai_default", "order": "pause"}',
        headers={**headers, "Cookie": f"_token={site.token('op')}"},
        trust_env=False,
        timeout=60,
    )
    assert (answer.status_code, "own pages only" in answer.text) == (403, True)
    with site.client("op") as op:
        assert "Paused" not in op.get("/maskmatch/").text


def test_pages_forbid_foreign_scripts_and_frames(site):
    with site.client("view") as client:
        headers = client.get("/maskmatch/").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "unsafe" not in policy
    assert headers["Cache-Control"] == "no-store"


@pytest.fixture
def paused_by_op(site):
    """Pause the run under way, and let it go on afterwards; yield the answer to the order."""
    order = {**PAUSE, "run": site.runs[UNDER_WAY]}
    with site.client("op") as op:
        yield op.post("/maskmatch/orders", json=order).json()
        resumed = op.post("/maskmatch/orders", json={**order, "order": "resume"})
        assert resumed.json() == {"message": f"Resumed: {site.runs[UNDER_WAY]}."}
        assert "Paused (" not in op.get(site.run_page(UNDER_WAY)).text


def test_an_op_pauses_a_run_and_page_log_and_record_say_who_and_how_it_goes_on(site, paused_by_op):
    run_id = site.runs[UNDER_WAY]
    assert paused_by_op == {"message": f"Paused: {run_id}."}
    with site.client("view") as client:
        page, account = client.get(site.run_page(UNDER_WAY)).text, client.get("/maskmatch/").text
    assert "Paused (this run) by op in Airflow at" in page
    assert f"maskmatch resume --run {run_id}" in page.replace("&#43;", "+")
    assert "<small>paused</small>" in page
    assert account.count("op in Airflow") >= 2  # the order that stands, and the record
    paused = "paused (this run) by op in Airflow"
    wait_until(lambda: paused in log(site), "the log of the task", seconds=60)


def log(site):
    return site.airflow.task_log(DAG, site.runs[UNDER_WAY], "compare", map_index=0)


def test_a_floor_is_set_and_recorded_and_a_wrong_one_changes_nothing(site):
    floor = {"account": ACCOUNT, "order": "floor", "priority": "backfill", "percent": 12.5}
    with site.client("op") as op:
        assert "at least 12.5 %" in op.post("/maskmatch/orders", json=floor).json()["message"]
        page = op.get("/maskmatch/").text
        assert "floor 12.5 %" in page
        answers = [
            op.post("/maskmatch/orders", json={**floor, **wrong})
            for wrong in ({"percent": 80}, {"priority": "nightly"}, {"percent": None}, {"priority": "first"})
        ]
    assert [each.status_code for each in answers] == [409, 409, 422, 422]


@pytest.mark.parametrize(
    "wrong", [{"run": "no such run"}, {"account": "other"}, {"order": "stop"}, {"account": None}]
)
def test_an_order_that_reaches_nobody_is_refused_with_the_reason(site, wrong):
    with site.client("op") as op:
        answer = op.post("/maskmatch/orders", json={**PAUSE, **wrong})
        assert answer.status_code in (409, 422)
        assert answer.json()["detail"]
        assert "Paused" not in op.get("/maskmatch/").text


def test_runs_are_shown_with_date_and_progress_those_under_way_first(site):
    with site.client("view") as client:
        page = client.get("/maskmatch/").text
        of_dag = client.get(f"/maskmatch/runs?dag_id={DAG}").text
    for text in (page, of_dag):
        places = [text.index(f">{day}</a>") for day in (UNDER_WAY, FAILED, DONE)]
        assert places[0] == min(places)
        assert "16 of 16" in text
        assert "of 1,701" in text
    assert "of 50,000" in page  # the budget of the day
    assert "calls a second, over 10 s" in page


def test_a_run_that_is_done_tells_failures_spend_and_table(site):
    with site.client("view") as client:
        page = client.get(site.run_page(DONE)).text
    assert f"{DONE} shard 1 of 1: 16 pairs" in page
    assert "There is no object under the image" in page
    assert "CNY 0.0384 for 12 billed calls" in page
    assert f"s3://maskmatch/site/out/outcomes/current/ds={DONE}/data.parquet" in page
    assert "12, fewer if images are bad" in page or "16, fewer if images are bad" in page


@pytest.mark.parametrize(
    ("dag_id", "params"),
    [
        ("republish", {"date": str(DONE), "nominal_fmr": 0.001}),
        ("redrive_failures", {"dates": [str(DONE)], "codes": ["image_missing"]}),
    ],
)
def test_a_run_that_publishes_a_date_again_is_shown_with_it_its_table_and_what_it_has_spent(
    site, dag_id, params
):
    site.airflow.wait_for_dag(dag_id)
    site.airflow.unpause(dag_id)
    places = {"warehouse": "s3://maskmatch/site/out"}
    if dag_id == "redrive_failures":
        places["source"] = "s3://maskmatch/site/in"
    run_id = site.airflow.trigger(dag_id, None, places | params)
    assert site.airflow.wait(dag_id, run_id, seconds=300) == "success"
    with site.client("view") as client:
        page = client.get("/maskmatch/run", params={"dag_id": dag_id, "run_id": run_id}).text
        runs = client.get(f"/maskmatch/runs?dag_id={dag_id}").text
    assert f">{DONE}</h1>" in page
    assert f"{DONE}, as published by this run" in page
    assert f"s3://maskmatch/site/out/outcomes/current/ds={DONE}/data.parquet" in page
    assert "CNY 0.0000 for 0 billed calls" in page
    assert f">{DONE}</a>" in runs


def test_a_run_that_failed_says_where_what_and_what_to_do(site):
    with site.client("view") as client:
        page = client.get(site.run_page(FAILED)).text
    assert f"task plan, date {FAILED}" in page
    assert "no manifest at s3://maskmatch/site/in/manifests" in page
    assert "clear this task" in page


def test_a_run_that_is_not_there_is_a_404_that_says_so(site):
    with site.client("view") as client:
        answer = client.get(
            f"/maskmatch/run?dag_id={DAG}&run_id=<b>none</b>", headers={"Accept": "text/html"}
        )
    assert answer.status_code == 404
    assert "&lt;b&gt;none&lt;/b&gt;" in answer.text


def test_runs_and_mapped_tasks_are_named_by_date_shard_and_pairs(site):
    run_id = site.runs[DONE]
    assert run_id.startswith(f"manual__{DONE}__")
    tasks = site.airflow.task_instances(DAG, run_id)
    assert f"{DONE} shard 1 of 1: 16 pairs" in [task["rendered_map_index"] for task in tasks]


def test_a_known_error_comes_first_in_the_log_and_its_traceback_folded(site):
    lines = site.airflow.task_log(DAG, site.runs[FAILED], "plan").splitlines()
    block = next(number for number, line in enumerate(lines) if "WHERE task plan, date" in line)
    opened = next(number for number, line in enumerate(lines) if "::group::Traceback" in line)
    closed = next(number for number, line in enumerate(lines) if number > opened and "::endgroup::" in line)
    frames = [number for number, line in enumerate(lines) if "Traceback (most recent" in line]
    assert block < opened
    assert frames
    assert all(opened < number < closed for number in frames)
    assert any("Task exited" in line and "no manifest at" in line for line in lines[closed:])


def test_the_log_of_the_last_task_gives_spend_and_the_address_of_the_table(site):
    text = site.airflow.task_log(DAG, site.runs[DONE], "report")
    assert "Spent: CNY 0.0384 for 12 billed calls" in text
    assert f"Table: s3://maskmatch/site/out/outcomes/current/ds={DONE}/data.parquet" in text


def test_the_buttons_of_a_task_that_runs_lead_to_its_page(site):
    run_id = site.runs[UNDER_WAY]
    links = site.airflow._send(
        "GET", f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/compare/links", query={"map_index": 0}
    )
    found = links.json()["extra_links"]
    assert set(found) == {"Plan", "Table", "Failures"}
    with site.client("view") as client:
        assert client.get(found["Failures"]).status_code == 200


def test_nothing_secret_is_on_any_page(site):
    with site.client("admin") as admin:
        text = "".join(admin.get(address).text for address in addresses(site))
    variables = site.airflow.environment
    for name in ("AIRFLOW_CONN_TENCENT_IAI_DEFAULT", "AIRFLOW_CONN_MASKMATCH_STORAGE"):
        secret = httpx.Response(200, content=variables[name]).json()["password"]
        assert secret not in text
