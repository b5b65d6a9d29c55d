#!/usr/bin/env bash
# Prints the container engine to use: docker, or podman. Says what to do where there is none.
set -eu
for engine in docker podman; do
    if command -v "$engine" > /dev/null 2>&1 && "$engine" info > /dev/null 2>&1; then
        echo "$engine"
        exit 0
    fi
done
echo "No container engine answers: neither 'docker info' nor 'podman info' succeeds." >&2
echo "Install Docker or Podman and start it, or run the same job without one: make demo (see docs/glue-image.md)." >&2
exit 1
