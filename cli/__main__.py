"""`lake`: `.venv/bin/lake` and `python -m cli` come here. The checkout is not installed, so that nothing of it can be
imported by a Lambda or a job but what its own zip holds."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from cli.main import main

    main()
