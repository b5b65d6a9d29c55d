"""The one family of errors. Bad input is never one of these: it is a verdict (see lakehouse.parse)."""


class LakeError(Exception):
    """Base of everything the lake raises on purpose. The message says what was found, what was expected, what to do."""


class ContractError(LakeError):
    """A pipeline folder (contract, SQL, workflow) is wrong. Names the file and the field."""


class SettingsError(LakeError):
    """The environment lacks something a Lambda or job needs."""


class EventError(LakeError):
    """A Lambda was handed an event of a kind that it does not know."""


class LedgerError(LakeError):
    """The ledger holds something that the code cannot have written, or no more fits into one of its items."""


class SilverError(LakeError):
    """A silver table is not what the ledger and the contract say."""


class BalanceError(LakeError):
    """Rows of a batch were lost or doubled between its files and silver. Names the figures that differ."""


class EngineError(LakeError):
    """An engine's result does not have the columns, types, keys or totals that the contract declares."""


class PublishError(LakeError):
    """The catalog pointer could not be moved although the run brings newer data."""


class TidyError(LakeError):
    """S3 did not remove what nobody needs any more."""


class CrawlError(LakeError):
    """A crawler has not come to rest, so those who wait for it cannot be answered yet."""


class WarehouseError(LakeError):
    """The warehouse refused a load, or what was to be loaded is not published."""


class RepairError(LakeError):
    """What a person asked to have repaired is not there, or cannot be repaired so."""


class ErasureError(LakeError):
    """A person cannot be forgotten as things are; says what has to be done first."""
