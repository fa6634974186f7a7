"""A walk through Airflow's page: another threshold, the publication before, failed pairs called anew."""

from datetime import UTC, date, datetime

import pytest

from devstack.pictures import JPEG_HEAD
from maskmatch.storage.tables import read_table
from tests.demo.page import DIALOG, button, open_clear, open_docs, press, submit, trigger
from tests.nights import write_pairs
from tests.web.conftest import DAG
from tests.web.test_in_browser import FRAME
from tests.web.walking import SECONDS, WALK, ended, open_our_tab, started_by

pytestmark = WALK
DAY = date(2026, 4, 1)
FAILING = ("late,images/1.jpg,late/1.jpg,,", "gone,images/2.jpg,gone/1.jpg,,")


@pytest.fixture(scope="module")
def published(site, stores):
    """Publish a date of twelve pairs, and two without pictures; return its run. Nobody else calls."""
    write_pairs(stores[0], 12, day=DAY, extra_lines=FAILING)
    with site.nobody_else():
        run_id = site.airflow.trigger(DAG, datetime(2026, 4, 1, 2, tzinfo=UTC), {})
        assert ended(site, run_id) == "success"
        yield run_id


def outcomes(stores):
    return read_table(stores[1], "outcomes", DAY).to_pandas().set_index("pair_id")


def sees_green(site, dag_id, send):
    """Send a form off, and see the run that it has started end well."""
    run_id = started_by(site, send, dag_id=dag_id)
    assert ended(site, run_id, dag_id=dag_id) == "success"


def followed(tab, link):
    """Press a link of Airflow's page, and wait until it has led there."""
    press(tab, f"document.querySelector('a[href$=\"{link}\"]')")
    tab.wait(f"location.href.endsWith({link!r})", seconds=SECONDS)


def test_another_threshold_is_found_from_the_dags_page_since_a_clear_has_no_params(
    admin_tab, site, stores, published
):
    tab, billed = admin_tab, site.service.meter()["billed"]
    open_clear(tab, site.airflow.url, DAG, published, "publish")
    assert tab.read(f"{DIALOG}.querySelectorAll('[name^=element_]').length") == 0
    told = open_docs(tab, site.airflow.url, DAG)
    assert "Trigger the Dag republish with the date and nominal_fmr" in told
    press(tab, f"{DIALOG}.querySelector('button[aria-label=Close]')")
    followed(tab, "/dags?tags=maskmatch")
    followed(tab, "/dags/republish")
    press(tab, button("Trigger"))
    sees_green(site, "republish", lambda: submit(tab, date=DAY, nominal_fmr="0.00001"))
    assert set(outcomes(stores)["threshold"].dropna()) == {60.0}
    assert site.service.meter()["billed"] == billed


def test_the_publication_of_a_run_is_named_in_its_tab_and_comes_back(admin_tab, site, stores, published):
    open_our_tab(admin_tab, site, published, "which the Dag republish can bring back")
    name = admin_tab.read(
        f"[...{FRAME}.querySelectorAll('#table th')].find(each => each.innerText === 'publication')"
        ".nextElementSibling.querySelector('code').innerText"
    )
    form = {"date": DAY, "publication": name}
    sees_green(site, "republish", lambda: trigger(admin_tab, site.airflow.url, "republish", **form))
    assert set(outcomes(stores)["threshold"].dropna()) == {50.0}
    rows = read_table(stores[1], "runs", DAY).to_pylist()
    assert rows[-1]["reason"] == f"rollback to {name}"
    assert rows[-1]["published_by"].endswith(" for admin")


def test_failed_pairs_are_called_anew_by_the_form_of_redrive_failures(admin_tab, site, stores, published):
    redrive, billed = "redrive_failures", site.service.meter()["billed"]
    stores[0].put("late/1.jpg", JPEG_HEAD + b"late")
    form = {"dates": str(DAY), "codes": "image_missing"}
    sees_green(site, redrive, lambda: trigger(admin_tab, site.airflow.url, redrive, **form))
    found = outcomes(stores)
    assert (found.loc["late", "outcome"], found.loc["gone", "failure_code"]) == ("scored", "image_missing")
    assert site.service.meter()["billed"] == billed + 1
