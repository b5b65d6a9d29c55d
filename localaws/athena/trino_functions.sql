-- Functions that Trino has and DuckDB has not, or has with another meaning. Run once in every query's connection.
-- Those that begin with trino_ are called by the translation only.

-- Division: half away from zero, as Trino divides decimals; n and d are unscaled integers.
CREATE MACRO trino_quotient(n, d) AS CASE
    WHEN n IS NULL OR d IS NULL THEN NULL
    WHEN d = 0 THEN error('DIVISION_BY_ZERO: Division by zero')
    ELSE n // d + CASE WHEN 2 * abs(n % d) >= abs(d) THEN sign(n) * sign(d) ELSE 0 END
END;
-- Where the types are not known before binding.
CREATE MACRO trino_divide(a BIGINT, b BIGINT) AS a // b,
    (a DOUBLE, b DOUBLE) AS a / b,
    (a DECIMAL(38, 6), b DECIMAL(38, 6)) AS error('NOT_SUPPORTED: the embedded AWS cannot tell the types of this division; cast both sides');

CREATE MACRO e() AS exp(1);
CREATE MACRO is_finite(x) AS isfinite(x);
CREATE MACRO is_infinite(x) AS isinf(x);

-- Text
CREATE MACRO trino_regexp_extract(s, p, g := 0) AS CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, g) END;
CREATE MACRO trino_split_part(s, d, i) AS str_split(s, d)[i];
CREATE MACRO codepoint(s) AS unicode(s);
CREATE MACRO from_utf8(b) AS decode(b);
CREATE MACRO to_utf8(s) AS encode(s);
CREATE MACRO split_to_map(s, e, k) AS map_from_entries(list_transform(str_split(s, e), LAMBDA x : row(split_part(x, k, 1), split_part(x, k, 2))));
CREATE MACRO url_extract_host(u) AS nullif(regexp_extract(u, '^[^:]+://(?:[^@/]*@)?([^:/?#]*)', 1), '');
CREATE MACRO url_extract_path(u) AS regexp_extract(u, '^[^:]+://[^/?#]*([^?#]*)', 1);

-- JSON: only scalars have a scalar text
CREATE MACRO trino_json_extract_scalar(j, p) AS CASE
    WHEN json_type(j, p) IN ('OBJECT', 'ARRAY', 'NULL') THEN NULL ELSE json_extract_string(j, p) END;
CREATE MACRO json_size(j, p) AS CASE json_type(j, p)
    WHEN 'OBJECT' THEN len(json_keys(j, p)) WHEN 'ARRAY' THEN json_array_length(j, p) WHEN NULL THEN NULL ELSE 0 END;

-- Dates and times
CREATE MACRO from_iso8601_date(s) AS CAST(s AS DATE);
CREATE MACRO to_iso8601(x) AS CASE WHEN typeof(x) = 'DATE' THEN strftime(x, '%Y-%m-%d')
    WHEN typeof(x) = 'TIMESTAMP WITH TIME ZONE' THEN strftime(x, '%Y-%m-%dT%H:%M:%S.%gZ') ELSE strftime(x, '%Y-%m-%dT%H:%M:%S.%g') END;
CREATE MACRO trino_at_timezone(x, z) AS timezone(z, CAST(x AS TIMESTAMPTZ));
CREATE MACRO with_timezone(x, z) AS timezone(z, CAST(x AS TIMESTAMP));
-- DuckDB counts the seconds in.
CREATE MACRO millisecond(x) AS date_part('millisecond', x) % 1000;
CREATE MACRO year_of_week(x) AS isoyear(x);
CREATE MACRO yow(x) AS isoyear(x);

-- Aggregates and collections
CREATE MACRO repeat(x, n) AS list_transform(range(n), LAMBDA i : x);
CREATE MACRO array_union(a, b) AS list_distinct(list_concat(a, b));
CREATE MACRO trino_slice(a, i, n) AS CASE WHEN i > 0 THEN a[i:i + n - 1] ELSE a[len(a) + i + 1:len(a) + i + n] END;
CREATE MACRO geometric_mean(x) AS geomean(x);

-- The text of a double as Java writes it, which is what Athena shows: 1.0E10, 1.0E-4, 0.001
CREATE MACRO trino_digits(t) AS rtrim(ltrim(replace(split_part(t, 'e', 1), '.', ''), '0'), '0');
CREATE MACRO trino_exponent(t) AS CASE
    WHEN contains(t, 'e') THEN CAST(split_part(t, 'e', 2) AS INTEGER) + len(split_part(split_part(t, 'e', 1), '.', 1)) - 1
    WHEN NOT starts_with(t, '0.') THEN len(split_part(t, '.', 1)) - 1
    ELSE -1 - (len(split_part(t, '.', 2)) - len(ltrim(split_part(t, '.', 2), '0'))) END;
CREATE MACRO trino_double_text(x) AS CASE
    WHEN isnan(x) THEN 'NaN'
    WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END
    WHEN x = 0 OR (abs(x) >= 1e-3 AND abs(x) < 1e7) THEN CAST(x AS VARCHAR)
    ELSE CASE WHEN x < 0 THEN '-' ELSE '' END || trino_digits(CAST(abs(x) AS VARCHAR))[1] || '.'
        || coalesce(nullif(trino_digits(CAST(abs(x) AS VARCHAR))[2:], ''), '0')
        || 'E' || CAST(trino_exponent(CAST(abs(x) AS VARCHAR)) AS VARCHAR) END;
