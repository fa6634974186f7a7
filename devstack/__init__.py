"""Real servers on loopback for the demo, the tests and the benchmarks; production has its own.

- `processes`: one child process that cannot outlive us; `reaper` is the program that sees to it
- `loopback`: what each server of ours is made of; started again, it has the same address and secret
- `seaweed`: an S3 store
- `service`: the local CompareMaskFace service
- `airflow`: api server, scheduler and dag processor on SQLite
- `netfaults`: a TCP relay that delays, cuts, hangs or loses what passes
- `project`: where the project and its local state lie

Decision: docs/adr/0011-rooms-and-names.md
"""
