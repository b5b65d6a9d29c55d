"""The files that docs/adding-a-pipeline.md walks through, as files."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "adding-a-pipeline.md"
FILE = re.compile(r"^`((?:pipelines|tests)/\S+)`\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page_files() -> dict[str, str]:
    """Text by path, as the page shows them."""
    found = FILE.findall(PAGE.read_text())
    files = dict(found)
    assert len(files) == len(found), "the page shows a file twice"
    return files


def write_page_files(folder: Path, below: str = "") -> None:
    """Write the page's files whose paths begin with `below` into `folder`."""
    for path, text in page_files().items():
        if path.startswith(below):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
