"""The silver files in force of one pipeline on local disk, each as it should be: what gold is computed anew of."""

from collections.abc import Sequence
from pathlib import Path

from lakehouse import names
from lakehouse.audit.sources import Sources, download
from lakehouse.contract.model import Dataset
from lakehouse.errors import SilverError
from lakehouse.silver.slots import SlotFile


class SilverFiles:
    """Files by their path inside their table. One that is damaged in the lake is here as bronze says."""

    def __init__(self, sources: Sources, pipeline: str) -> None:
        self.sources = sources
        self.pipeline = pipeline
        self.folder = sources.folder / "silver"
        self.folder.mkdir(exist_ok=True)

    def place(self, dataset: str, path: str) -> Path:
        """Where a file lies here."""
        return self.folder / f"{dataset}-{path.replace('/', '-')}"

    def keep(self, dataset: str, path: str, file: Path) -> Path:
        """Take a file over."""
        return file.replace(self.place(dataset, path))

    def fetch(self, dataset: Dataset, files: Sequence[SlotFile]) -> list[Path]:
        """What an engine asks for. Most lie here already.

        Raises:
            SilverError: one is gone, here and in the lake.
        """
        return [self._fetch(dataset, file) for file in files]

    def _fetch(self, dataset: Dataset, file: SlotFile) -> Path:
        place = self.place(dataset.name, file.path)
        key = names.silver_prefix(dataset.pipeline, dataset.name) + file.path
        if not place.exists() and download(self.sources, key, place) is None:
            raise SilverError(f"{key} is gone")
        return place

    def clear(self) -> None:
        """Give the disk back."""
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()
