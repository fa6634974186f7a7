"""Faults that the service can be asked for."""
