# The embedded AWS and the `lake` command, for running beside the container of Glue's image. Nothing of this is in AWS.
FROM python:3.11-slim
SHELL ["/bin/bash", "-eu", "-o", "pipefail", "-c"]
# What a newer security update brings is wanted.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends make procps && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home lake && mkdir /lakegate /jobs && chown lake:lake /lakegate /jobs && chmod 777 /jobs
USER lake
WORKDIR /lakegate
COPY --chown=lake:lake Makefile pyproject.toml ./
COPY --chown=lake:lake requirements requirements
COPY --chown=lake:lake scripts scripts
COPY --chown=lake:lake localaws localaws
RUN make setup
COPY --chown=lake:lake . .
ENTRYPOINT [".venv/bin/python", "-m", "scripts.run_in_image"]
CMD ["carts", "/jobs"]
