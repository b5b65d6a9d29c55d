#!/usr/bin/env bash
# Make a virtual environment with Python 3.11 (what AWS Glue 5.1 runs) or 3.12: scripts/make_venv.sh FOLDER
set -eu
folder=$1
for candidate in "${PYTHON:-python3.11}" python3.11 python3.12 python3; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then
        if "$candidate" -m venv --clear "$folder"; then
            exit 0
        fi
        echo "$candidate cannot make virtual environments. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2
        exit 1
    fi
done
echo "Lakegate needs Python 3.11 or 3.12, found $(python3 --version 2>&1 || echo none). Install one and name it: make setup PYTHON=/path/to/python3.11" >&2
exit 1
