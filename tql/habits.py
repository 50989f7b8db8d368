"""What people bring from other SQL dialects: functions by other names, and what to write here instead."""

from __future__ import annotations

_DATES = "there are no dates: texts such as '2020-01-31' compare in their order; SUBSTR(text, 1, 4) is the year"
_MEMBER = "write CONTAINS(column, value)"
_NULL = "write COALESCE(x, y)"

FUNCTIONS = {
    **dict.fromkeys(("IFNULL", "NVL"), _NULL),
    **dict.fromkeys(("DATE", "TIMESTAMP", "NOW", "YEAR", "MONTH", "DAY", "EXTRACT", "DATE_PART", "STRFTIME"), _DATES),
    **dict.fromkeys(("ARRAY_CONTAINS", "LIST_CONTAINS", "JSON_CONTAINS", "INSTR", "STRPOS", "POSITION"), _MEMBER),
    **dict.fromkeys(
        ("LEN", "SIZE", "CARDINALITY", "ARRAY_LENGTH"), "write LENGTH(text), COUNT(array) or SHAPE(array)[0]"
    ),
    **dict.fromkeys(("IF", "IIF"), "write CASE WHEN condition THEN x ELSE y END"),
    **dict.fromkeys(("GREATEST", "LEAST"), "write CASE WHEN x > y THEN x ELSE y END"),
    **dict.fromkeys(("POW", "POWER"), "write x ^ y"),
    **dict.fromkeys(("STDDEV", "STDEV", "STDDEV_POP"), "write STD(x)"),
    **dict.fromkeys(("VAR", "VARIANCE", "VAR_POP"), "write STD(x) ^ 2"),
    **dict.fromkeys(("STARTSWITH", "STARTS_WITH"), "write text LIKE 'begin*'"),
    **dict.fromkeys(("ENDSWITH", "ENDS_WITH"), "write text LIKE '*end'"),
    **dict.fromkeys(("JSON_EXTRACT", "JSON_VALUE", "GET_JSON_OBJECT"), "write column['key']"),
    "ISNULL": "write x IS NULL",
    "MOD": "write x % y",
    "SUBSTRING": "write SUBSTR(text, from, length)",
    "RANK": "there are no window functions; ROW_NUMBER() is a row's position",
    "AREA": "write BOX_AREA(boxes)",
}
"""Hints by the upper-case name of a function that is not there."""
