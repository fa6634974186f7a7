# Two images: `service`, the local CompareMaskFace for development, and `airflow`, what production runs, which is
# the default and holds neither the service nor anything else that is for development.
FROM python:3.11-slim-bookworm AS build

RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build


# Wheels only: no package runs code of its own while it is installed.
FROM build AS build-service

COPY requirements-service.txt .
RUN pip install --require-hashes --only-binary :all: -r requirements-service.txt
COPY services/comparemaskface services/comparemaskface
RUN pip install --no-deps --no-build-isolation ./services/comparemaskface


FROM build AS build-airflow

COPY requirements.txt .
RUN pip install --require-hashes --only-binary :all: -r requirements.txt
# More of Airflow's providers, parted by blanks; what is locked keeps its version, or the build fails.
ARG PROVIDERS=""
RUN pip freeze > locked.txt \
    && if [ -n "$PROVIDERS" ]; then pip install --only-binary :all: --constraint locked.txt $PROVIDERS; fi
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY docs docs
COPY plugins/maskmatch plugins/maskmatch
RUN pip install --no-deps --no-build-isolation .


FROM python:3.11-slim-bookworm AS service

ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --uid 50000 --create-home service
COPY --from=build-service /opt/venv /opt/venv
USER service
CMD ["comparemaskface"]


FROM python:3.11-slim-bookworm AS airflow

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/maskmatch/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/maskmatch/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False
# In Kubernetes nobody else hands signals on and reaps what killed tasks leave.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*
# A new volume takes over the owner of the folder that it covers.
RUN useradd --uid 50000 --create-home --home-dir "$AIRFLOW_HOME" airflow \
    && install --directory --owner=airflow --mode=700 \
        "$AIRFLOW_HOME/logs" "$AIRFLOW_HOME/passwords" /var/lib/maskmatch
COPY --from=build-airflow /opt/venv /opt/venv
COPY dags /opt/maskmatch/dags
COPY plugins/.airflowignore /opt/maskmatch/plugins/
USER airflow
WORKDIR /opt/airflow
ENTRYPOINT ["tini", "-s", "--"]
