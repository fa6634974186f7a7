"""Whether Airflow exports metrics: where it does not, nothing is asked for them and nothing sent."""

from airflow.sdk.configuration import conf

_EXPORTERS = ("statsd_on", "statsd_datadog_enabled", "otel_on")


def is_measured() -> bool:
    """Return True if Airflow exports metrics."""
    return any(conf.getboolean("metrics", name, fallback=False) for name in _EXPORTERS)
