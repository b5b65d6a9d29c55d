"""Names and texts as Spark SQL writes them; `dialect` takes them to DuckDB."""


def quoted(name: str) -> str:
    """An identifier."""
    return "`" + name.replace("`", "``") + "`"


def text(value: str) -> str:
    """A string literal. Spark reads backslashes in it as escapes."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
