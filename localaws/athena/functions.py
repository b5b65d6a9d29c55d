"""Which functions a query may call, and Joda's date patterns.

A function that DuckDB happens to have and Trino has not would pass here and fail on AWS, so only the names below pass.
"""

import itertools

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from localaws.athena.cursor import Word, words_of
from localaws.athena.errors import not_supported, position_of, semantic

_TRINO_NAMES = """
abs acos any_value approx_distinct approx_percentile arbitrary array_agg array_distinct
array_except array_intersect array_join array_max array_min array_position array_remove array_sort array_union
asin at_timezone atan atan2 avg
bitwise_and bitwise_or bitwise_xor bool_and bool_or cardinality cbrt ceil ceiling chr coalesce codepoint concat
concat_ws contains corr cos count count_if covar_pop covar_samp cume_dist current_date current_timestamp date
date_add date_diff date_format date_parse date_trunc day day_of_month day_of_week day_of_year degrees dense_rank
dow doy e element_at ends_with every exp extract filter first_value flatten floor format format_datetime
from_base64 from_iso8601_date from_iso8601_timestamp from_unixtime from_utf8 geometric_mean greatest grouping
histogram hour if is_finite is_infinite is_nan json_array_length json_extract json_extract_scalar json_format
json_parse json_size lag last_day_of_month last_value lead least length levenshtein_distance listagg ln
localtimestamp log log10 log2 lower lpad ltrim map map_agg map_entries map_from_entries map_keys map_values max
max_by md5 millisecond min min_by minute mod month now nth_value ntile nullif parse_datetime percent_rank pi position
pow power quarter radians rand random rank regexp_extract regexp_extract_all regexp_like regexp_replace regr_intercept
regr_slope repeat replace reverse round row row_number rpad rtrim second sequence sha256 sign sin slice
split split_part split_to_map sqrt starts_with stddev stddev_pop stddev_samp strpos substr substring sum tan
to_base64 to_hex to_iso8601 to_unixtime to_utf8 transform translate trim truncate try unnest upper
url_extract_host url_extract_path uuid var_pop var_samp variance week week_of_year with_timezone year year_of_week
yow
"""
_KEYWORDS = """
all and any array as between by cast char cross cube decimal distinct else exists except filter from full
group having in inner intersect into is join json lateral left like limit map not offset on or order outer over
partition range right rollup row rows select sets some then time timestamp try_cast union using values varchar when
where with within interval unload tinyint
"""
_TRINO = frozenset(_TRINO_NAMES.split())
_NO_FUNCTIONS = frozenset(_KEYWORDS.split())

_JODA = {
    "yyyy": "%Y",
    "yy": "%y",
    "y": "%-Y",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "M": "%-m",
    "dd": "%d",
    "d": "%-d",
    "DDD": "%j",
    "D": "%-j",
    "EEEE": "%A",
    "EEE": "%a",
    "E": "%a",
    "e": "%u",
    "HH": "%H",
    "H": "%-H",
    "hh": "%I",
    "h": "%-I",
    "mm": "%M",
    "m": "%-M",
    "ss": "%S",
    "s": "%-S",
    "SSSSSS": "%f",
    "SSS": "%g",
    "a": "%p",
    "xxxx": "%G",
    "ww": "%V",
}


def strftime_pattern(joda: str) -> str:
    """A Joda pattern (`format_datetime`, `parse_datetime`) as a strftime pattern. Raises QueryError."""
    pattern, position = "", 0
    while position < len(joda):
        letter = joda[position]
        if letter == "'":
            end = joda.find("'", position + 1)
            end = len(joda) if end < 0 else end
            pattern += (joda[position + 1 : end] or "'").replace("%", "%%")
            position = end + 1
            continue
        if not letter.isalpha():
            pattern += letter.replace("%", "%%")
            position += 1
            continue
        run = len(joda[position:]) - len(joda[position:].lstrip(letter))
        part = letter * run
        if part not in _JODA:
            raise not_supported(f"date pattern letter '{part}' in '{joda}'")
        pattern += _JODA[part]
        position += run
    return pattern


def check_functions(text: str, query: exp.Expr) -> None:
    """Raise FUNCTION_NOT_FOUND for a call of something that is no function of Trino's, or that is not supported."""
    named = {alias.name.lower() for alias in query.find_all(exp.TableAlias)}
    named |= {table.name.lower() for table in query.find_all(exp.Table)}
    for token, following in itertools.pairwise(words_of(text)):
        if following.type is not TokenType.L_PAREN or not _is_word(token):
            continue
        name = token.text.lower()
        if name not in _TRINO and name not in _NO_FUNCTIONS and name not in named:
            at = position_of(text, token.start)
            raise semantic("FUNCTION_NOT_FOUND", at, f"Function '{name}' not registered or not supported locally")


def _is_word(token: Word) -> bool:
    return (
        bool(token.text)
        and (token.text[0].isalpha() or token.text[0] == "_")
        and token.type
        not in (
            TokenType.STRING,
            TokenType.IDENTIFIER,
            TokenType.NATIONAL_STRING,
        )
    )
