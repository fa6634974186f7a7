"""Compare millions of face pairs within the rate limit, and pay for none twice.

Airflow's rooms:  hooks, operators, get_provider_info        cli: the same without Airflow
                      │                                        │
pipeline              plan, compare, publish, report, status: the steps of a run
                      │
engine, storage, tencent   from pairs to paid calls; object storage; the vendor's client
                      │
permits               the right to send one call now
                      │
core                  values and rules, in the standard library alone

Imports go down, never up: `make lint` checks it. Decision: docs/adr/0011-rooms-and-names.md
"""
