"""The settings with which one machine runs Airflow, and why each differs from the default."""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devstack.project import keep_private, kept_secret, loopback_without_proxy, project_root

USER = "admin"
Connections = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class AirflowSettings:
    """What one installation of Airflow is made of; `environment` is what its processes see of it."""

    home: Path
    port: int
    project: Path = field(default_factory=project_root)
    dags: Path | None = None
    connections: Connections = field(default_factory=dict, repr=False)
    parallelism: int = 4
    follows_schedules: bool = True
    database: str = ""
    """Address of the metadata database; empty: a SQLite file in `home`."""
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        """Return the address of the user interface and of the API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def password(self) -> str:
        """Return the password of the one user, drawn at random once."""
        return kept_secret(self.home / "secrets" / "admin", lambda: secrets.token_urlsafe(12))

    def environment(self) -> dict[str, str]:
        """Return the complete environment of Airflow's processes, secrets included."""
        return {
            **_inherited(),
            "AIRFLOW_HOME": str(self.home),
            **_variables(self._folders()),
            **_variables(self._secrets()),
            **_variables(self._servers()),
            **_variables(_PACE),
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(dict(it)) for name, it in self.connections.items()},
            **self.extra,
        }

    def _folders(self) -> dict[str, str]:
        return {
            "core.dags_folder": str(self.dags or self.project / "dags"),
            "core.plugins_folder": str(self.project / "plugins"),
            "core.load_examples": "False",
            "database.sql_alchemy_conn": self.database or f"sqlite:///{self.home / 'airflow.db'}",
            "logging.base_log_folder": str(self.home / "logs"),
            "dag_processor.dag_bundle_storage_path": str(self.home / "bundles"),
        }

    def _secrets(self) -> dict[str, str]:
        folder = self.home / "secrets"
        passwords = folder / "passwords.json"
        # Written before Airflow looks, because it prints the passwords that it makes up itself.
        keep_private(passwords, json.dumps({USER: self.password}))
        return {
            "core.fernet_key": kept_secret(folder / "fernet", _fernet_key),
            "core.simple_auth_manager_users": f"{USER}:admin",
            "core.simple_auth_manager_passwords_file": str(passwords),
            "api.secret_key": kept_secret(folder / "api"),
            "api_auth.jwt_secret": kept_secret(folder / "jwt"),
        }

    def _servers(self) -> dict[str, str]:
        return {
            "api.host": "127.0.0.1",
            "api.port": str(self.port),
            "api.base_url": self.url,
            "api.workers": "1",
            "core.execution_api_server_url": f"{self.url}/execution/",
            "core.executor": "LocalExecutor",
            "core.parallelism": str(self.parallelism),
            "core.test_connection": "Enabled",  # whoever may log in here may also read the secrets
            "scheduler.use_job_schedule": str(self.follows_schedules),
            # A busy machine answers late, and the default of 5 s then fails the first task.
            "workers.execution_api_timeout": "60",
        }


_PACE = {
    "scheduler.scheduler_idle_sleep_time": "0.2",  # a run's next task waits for the next look
    # A task's supervisor may see its end only at the next heartbeat, and keeps a worker until then.
    "workers.min_heartbeat_interval": "2",
    "dag_processor.refresh_interval": "5",  # a new Dag file is seen within seconds
    "dag_processor.bundle_refresh_check_interval": "1",
    "dag_processor.min_file_process_interval": "10",
}


def _variables(settings: Mapping[str, str]) -> dict[str, str]:
    return {f"AIRFLOW__{name.replace('.', '__').upper()}": value for name, value in settings.items()}


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _inherited() -> dict[str, str]:
    """Return our environment without another Airflow's settings, and with byte code kept between starts."""
    foreign = ("AIRFLOW_", "PYTHONDONTWRITEBYTECODE")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**loopback_without_proxy(ours), "PYTHONUNBUFFERED": "1"}
