#!/usr/bin/env bash
# Inside the image: what the base must have, then every SQL case of every pipeline on its Spark.
set -euo pipefail
export LAKEGATE_HOME=${LAKEGATE_HOME:-/opt/lakegate}
export IMAGE_PYTHONPATH=${PYTHONPATH:-}
export PYTHONPATH=$LAKEGATE_HOME/test-tools:$LAKEGATE_HOME/source:$IMAGE_PYTHONPATH TZ=UTC
cd "$LAKEGATE_HOME/source"
exec python3 -m pytest --config-file docker/tests/pytest.ini --rootdir . --confcutdir tests/sql \
    -p docker.tests.glue_session docker/tests/test_image.py tests/sql/test_gold.py "$@"
