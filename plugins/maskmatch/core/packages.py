"""Which line of pip brings a package that cannot be imported here."""

from maskmatch.core.errors import PackageMissing

EXTRAS = {
    "": (
        "boto3", "botocore", "cachetools", "httptools", "msgspec", "numpy", "openpyxl", "pandas", "pyarrow",
        "rich", "tencentcloud", "uvloop",
    ),
    "airflow": (
        "airflow", "asyncpg", "attr", "attrs", "fastapi", "jinja2", "markdown_it", "markupsafe", "sqlalchemy",
    ),
    "celery": ("celery",),
    "cluster": ("psycopg2", "redis"),
}  # fmt: skip
"""Names by which packages are imported, by the extra of maskmatch that has them; "": it always has them."""
_PROVIDERS = {"standard": "airflow", "celery": "celery"}
"""Providers of Airflow that an extra has."""
_OF_SEVERAL = ("apache", "atlassian", "cncf", "common", "dbt", "microsoft")
"""Names under which several providers stand."""


def pip_line(error: ImportError) -> str | None:
    """Return what is entered on every host that runs tasks; None for a package that is not known."""
    names = (error.name or "").split(".")
    if names[:2] == ["airflow", "providers"] and len(names) > 2:
        return _line_of_provider(names[2:])
    return next((_line(extra) for extra, packages in EXTRAS.items() if names[0] in packages), None)


def missing_package(error: ImportError) -> PackageMissing | None:
    """Return an import that has failed as an error with its cure, if one is known."""
    if (line := pip_line(error)) is None:
        return None
    missing = PackageMissing(f"a package is missing here, or has another version than is needed: {error}")
    missing.cure = (
        f"Enter this on every host that runs tasks, then clear this task (with downstream):\n  {line}\n"
        "Airflow does not try it again."
    )
    return missing


def _line(extra: str) -> str:
    return f"pip install 'maskmatch[{extra}]'" if extra else "pip install maskmatch"


def _line_of_provider(names: list[str]) -> str | None:
    if extra := _PROVIDERS.get(names[0]):
        return _line(extra)
    length = 2 if names[0] in _OF_SEVERAL else 1
    return (
        f"pip install apache-airflow-providers-{'-'.join(names[:length])}" if len(names) >= length else None
    )
