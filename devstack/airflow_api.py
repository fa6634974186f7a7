"""Ask a running Airflow to do things, through its public API (v2)."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

Json = dict[str, Any]
Progress = Callable[[Sequence[Json]], None]
_POLL_SECONDS = 0.25
_BUSY_SECONDS = 30  # so long is a database that is locked asked again; on SQLite that happens
_EXECUTION_API = "2025-04-11"  # the first version, which every server of Airflow 3 speaks
_ENDED = frozenset({"success", "failed"})


class AirflowApiError(RuntimeError):
    """Airflow has refused a request, or has not done in time what it was asked for."""


class AirflowApi:
    """A client of one Airflow server; the token is fetched when first needed and again when it expires."""

    def __init__(self, *, url: str, user: str, password: str) -> None:
        self._credentials = {"username": user, "password": password}
        # Not the environment's proxy: the server is on loopback.
        self._client = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def sign_in_as(self, user: str, password: str) -> None:
        """Ask as another user from now on."""
        self._credentials = {"username": user, "password": password}
        self._client.headers.pop("Authorization", None)

    def close(self) -> None:
        """Close the connections and forget the token."""
        self._client.close()

    def health(self) -> Json:
        """Return the state of the parts; raise httpx.TransportError while the server does not answer."""
        answer: Json = self._client.get("/api/v2/monitor/health").json()
        return answer

    def warm_up(self) -> bool:
        """Return True if the tasks' side of the server answers; the first answer takes seconds."""
        answer = self._client.get("/execution/health/ping", headers={"Airflow-API-Version": _EXECUTION_API})
        return answer.is_success

    def dag(self, dag_id: str) -> Json | None:
        """Return what Airflow knows of a Dag, None when it has not seen it."""
        response = self._send("GET", f"/dags/{dag_id}", allowed=(404,))
        return None if response.status_code == 404 else dict(response.json())

    def import_errors(self) -> list[str]:
        """Return the trace of each Dag file that cannot be imported."""
        errors = self._send("GET", "/importErrors").json()["import_errors"]
        return [str(error["stack_trace"]) for error in errors]

    def unpause(self, dag_id: str) -> None:
        """Let a Dag's runs start."""
        self._send("PATCH", f"/dags/{dag_id}", body={"is_paused": False})

    def trigger(
        self, dag_id: str, logical_date: datetime | None, conf: Mapping[str, Any] | None = None
    ) -> str:
        """Start a run and return its id; it waits as long as the Dag is paused."""
        date = logical_date.isoformat() if logical_date else None
        body = {"logical_date": date, "conf": dict(conf or {})}
        return str(self._send("POST", f"/dags/{dag_id}/dagRuns", body=body).json()["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return queued, running, success or failed."""
        return str(self._send("GET", f"/dags/{dag_id}/dagRuns/{run_id}").json()["state"])

    def wait(
        self,
        dag_id: str,
        run_id: str,
        *,
        seconds: float,
        on_progress: Progress | None = None,
        every: float = _POLL_SECONDS,
    ) -> str:
        """Return success or failed when the run has ended; raise AirflowApiError when time is up.

        `on_progress` is given the run's task instances at each look, which there is one of `every` so many
        seconds: Airflow spends a tenth of a processor on four in a second.
        """
        deadline = time.monotonic() + seconds
        while (state := self.run_state(dag_id, run_id)) not in _ENDED:
            self.look_after()
            if on_progress:
                on_progress(self.task_instances(dag_id, run_id))
            if time.monotonic() > deadline:
                raise AirflowApiError(f"run {run_id} of {dag_id} is still {state} after {seconds:g} s")
            time.sleep(every)
        if on_progress:
            on_progress(self.task_instances(dag_id, run_id))
        return state

    def runs(self, dag_id: str) -> list[Json]:
        """Return all runs of a Dag, by logical date."""
        path = f"/dags/{dag_id}/dagRuns"
        return self._pages(path, "dag_runs", order_by="logical_date")

    def task_instances(self, dag_id: str, run_id: str) -> list[Json]:
        """Return all task instances of a run: task_id, map_index, state, try_number and more."""
        return self._pages(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances")

    def task_log(
        self, dag_id: str, run_id: str, task_id: str, *, try_number: int = 1, map_index: int = -1
    ) -> str:
        """Return one try's log as text."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        answer = self._send("GET", path, query={"map_index": map_index, "full_content": True}).json()
        return "\n".join(_line(entry) for entry in answer["content"])

    def backfill(self, dag_id: str, first: datetime, last: datetime, **options: Any) -> int:
        """Create the runs from `first` to `last`, both included, and return the backfill's id.

        Options are those of the API: max_active_runs, reprocess_behavior, run_backwards, dag_run_conf.
        """
        body = {"dag_id": dag_id, "from_date": first.isoformat(), "to_date": last.isoformat(), **options}
        return int(self._send("POST", "/backfills", body=body).json()["id"])

    def backfill_dates(self, dag_id: str, first: datetime, last: datetime) -> list[str]:
        """Return the logical dates of the runs that a backfill would have; make none."""
        body = {"dag_id": dag_id, "from_date": first.isoformat(), "to_date": last.isoformat()}
        found = self._send("POST", "/backfills/dry_run", body=body).json()["backfills"]
        return [str(run["logical_date"]) for run in found]

    def wait_for_backfill(self, backfill_id: int, *, seconds: float) -> None:
        """Return when all runs of a backfill have ended; raise AirflowApiError when time is up.

        Airflow itself closes the backfill up to 30 s later, and refuses another one of the Dag till then.
        """
        backfill = self._send("GET", f"/backfills/{backfill_id}").json()
        query = {
            "run_type": "backfill",
            "logical_date_gte": backfill["from_date"],
            "logical_date_lte": backfill["to_date"],
            "state": ["queued", "running"],
        }
        deadline = time.monotonic() + seconds
        while left := self._pages(f"/dags/{backfill['dag_id']}/dagRuns", "dag_runs", **query):
            self.look_after()
            if time.monotonic() > deadline:
                raise AirflowApiError(f"{len(left)} runs of backfill {backfill_id} go on after {seconds:g} s")
            time.sleep(_POLL_SECONDS)

    def backfills(self, dag_id: str) -> list[Json]:
        """Return the backfills of a Dag; one without `completed_at` is open, and Airflow refuses another."""
        return self._pages("/backfills", "backfills", dag_id=dag_id)

    def question(self, dag_id: str, run_id: str, task_id: str) -> Json | None:
        """Return what a task asks a person, None when it asks nothing."""
        response = self._send("GET", _question(dag_id, run_id, task_id), allowed=(404,))
        return None if response.status_code == 404 else dict(response.json())

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str) -> None:
        """Answer what a task asks, as the user who is signed in."""
        body = {"chosen_options": [option], "params_input": {}}
        self._send("PATCH", _question(dag_id, run_id, task_id), body=body)

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Set the state of a task by hand: success, failed or skipped."""
        self._send(
            "PATCH", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}", body={"new_state": state}
        )

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Let a task and all later ones run again."""
        body = {"dag_run_id": run_id, "task_ids": [task_id], "include_downstream": True, "dry_run": False}
        body |= {"only_failed": False, "reset_dag_runs": True}
        self._send("POST", f"/dags/{dag_id}/clearTaskInstances", body=body)

    def task_state(self, dag_id: str, run_id: str, task_id: str, key: str, *, map_index: int = -1) -> Any:
        """Return what a task keeps in its state store under a key."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/state-store/{key}"
        return self._send("GET", path, query={"map_index": map_index}).json()["value"]

    def set_pool(self, name: str, slots: int, description: str) -> None:
        """Make a pool, unless there is one of this name: whoever has changed it has a reason."""
        body = {"name": name, "slots": slots, "description": description, "include_deferred": False}
        self._send("POST", "/pools", body=body, allowed=(409,))

    def set_connection(self, conn_id: str, fields: Mapping[str, Any], *, anew: bool = False) -> None:
        """Make a connection; one of this name stays as it is, unless it is to be made anew."""
        body = {"connection_id": conn_id, **fields, "extra": json.dumps(fields.get("extra", {}))}
        made = self._send("POST", "/connections", body=body, allowed=(409,))
        if made.status_code == 409 and anew:
            self._send("PATCH", f"/connections/{conn_id}", body=body)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str) -> Any:
        """Return what a task has handed over under a key."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self._send("GET", path).json()["value"]

    def look_after(self) -> None:
        """Do what keeps the server going while somebody waits; a client alone can do nothing."""

    def _pages(self, path: str, key: str, **query: Any) -> list[Json]:
        found: list[Json] = []
        while True:
            page = self._send("GET", path, query={"limit": 100, "offset": len(found), **query}).json()
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        allowed: Sequence[int] = (),
    ) -> httpx.Response:
        if "Authorization" not in self._client.headers:
            self._sign_in()
        response = self._client.request(method, f"/api/v2{path}", json=body, params=query)
        if response.status_code == 401:
            self._sign_in()
            response = self._client.request(method, f"/api/v2{path}", json=body, params=query)
        deadline = time.monotonic() + _BUSY_SECONDS
        while _is_busy(response) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            response = self._client.request(method, f"/api/v2{path}", json=body, params=query)
        if response.is_error and response.status_code not in allowed:
            raise AirflowApiError(f"{method} {path}: {response.status_code} {response.text[:500]}")
        return response

    def _sign_in(self) -> None:
        response = self._client.post("/auth/token", json=self._credentials)
        if response.is_error:
            raise AirflowApiError(f"Airflow refused the password of {self._credentials['username']}")
        self._client.headers["Authorization"] = f"Bearer {response.json()['access_token']}"


def _is_busy(response: httpx.Response) -> bool:
    """Return True if the database was locked; some routes of Airflow tell it as an error of theirs."""
    return response.status_code == 503 or (response.status_code == 500 and "Database error" in response.text)


def _question(dag_id: str, run_id: str, task_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"


def _line(entry: str | Json) -> str:
    """Return one log entry as `time level event field=value ...`."""
    if isinstance(entry, str):
        return entry
    head = [str(entry.get(name, "")) for name in ("timestamp", "level", "event")]
    rest = [f"{name}={value}" for name, value in entry.items() if name not in _HEAD]
    return " ".join([*filter(None, head), *rest])


_HEAD = frozenset({"timestamp", "level", "event", "logger", "filename", "lineno"})
