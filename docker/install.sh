#!/usr/bin/env bash
# What the Dockerfile adds to Glue's image, in a script so that it can be run and tested without a container engine.
# It looks whether the base is what we build for, and packs lakehouse/ and pipelines/ as Glue gets them in the account:
# one archive for --extra-py-files. No package is installed: the job needs none beyond the image's own.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python3 "$here/base.py" > "$here/delta-jars"
cd "$here/source"
python3 -m zipfile --create "$here/lakegate.zip" lakehouse pipelines
echo "Delta's jars: $(cat "$here/delta-jars")"
