"""Permit brokers: who shares one account books on one timeline."""

from maskmatch.adapters.broker.opening import default_broker, open_broker, quota_key
from maskmatch.adapters.broker.sqlite import SqliteBroker

__all__ = ["SqliteBroker", "default_broker", "open_broker", "quota_key"]
