"""Permit brokers: who shares one account books on one timeline, in a file or on a server."""

from maskmatch.adapters.broker.opening import default_broker, open_broker, quota_key
from maskmatch.adapters.broker.sqlite import SqliteDocument

__all__ = ["SqliteDocument", "default_broker", "open_broker", "quota_key"]
