# One image for everything of ours: Airflow's processes and the local CompareMaskFace service.
FROM python:3.11-slim-bookworm AS build

RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.txt .
# Wheels only: no package runs code of its own while it is installed.
RUN pip install --require-hashes --only-binary :all: -r requirements.txt
COPY pyproject.toml README.md ./
COPY plugins/maskmatch plugins/maskmatch
RUN pip install --no-deps --no-build-isolation .


FROM python:3.11-slim-bookworm

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/maskmatch/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/maskmatch/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False
# A new volume takes over the owner of the folder that it covers.
RUN useradd --uid 50000 --create-home --home-dir "$AIRFLOW_HOME" airflow \
    && install --directory --owner=airflow --mode=700 \
        "$AIRFLOW_HOME/logs" "$AIRFLOW_HOME/passwords" /var/lib/maskmatch
COPY --from=build /opt/venv /opt/venv
COPY dags /opt/maskmatch/dags
COPY plugins/.airflowignore /opt/maskmatch/plugins/
USER airflow
WORKDIR /opt/airflow
