# A stand-in for the official Glue 5.1 image where that cannot be pulled: the same versions of Spark, Delta, Python and
# Java, at the same places, for the same user. What it cannot have is Glue's own JVM library; see docs/glue-image.md.
ARG BASE=debian:bookworm-slim
# hadolint ignore=DL3006
FROM ${BASE}
SHELL ["/bin/bash", "-eu", "-o", "pipefail", "-c"]
# What a newer security update brings is wanted.
# hadolint ignore=DL3008
RUN if ! command -v java || ! command -v pip; then apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates openjdk-17-jre-headless procps python3 python3-pip python3-wheel \
    && rm -rf /var/lib/apt/lists/*; fi
COPY requirements/glue-stand-in.txt /tmp/
RUN pip install --no-cache-dir --break-system-packages --require-hashes --no-build-isolation \
        --requirement /tmp/glue-stand-in.txt \
    && ln -s "$(python3 -c 'import pyspark; print(pyspark.__path__[0])')" /usr/lib/spark
# The jars that `make setup` fetched: where Glue's image has Delta, and S3A beside Spark's own.
COPY .venv/jars/io.delta_* /usr/share/aws/delta/lib/
COPY .venv/jars/com.amazonaws_* .venv/jars/org.apache.* /usr/lib/spark/jars/
COPY localaws/glue_standin /opt/glue-stand-in
RUN useradd --create-home hadoop && mkdir /home/hadoop/workspace && chown hadoop:hadoop /home/hadoop/workspace
ENV SPARK_HOME=/usr/lib/spark PYTHONPATH=/opt/glue-stand-in
ENV PATH=/usr/lib/spark/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER hadoop
WORKDIR /home/hadoop/workspace
ENTRYPOINT ["bash", "-l"]
