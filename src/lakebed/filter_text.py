"""Conditions as Deep Lake 3's `filter` takes them, in Python, said in TQL; read only to word an error."""

from __future__ import annotations

import re

_SAID = (
    (r"([\w/]+)\.contains\(", r"contains(\1, "),
    (r"([\w/]+)\.(shape|min|max|mean|sample_info)\b", r"\2(\1)"),
    (r"([\w/]+)\.size\b", r"prod(shape(\1))"),
    (r"\bin \[([^\]]*)\]", r"in (\1)"),
)


def in_tql(text: str) -> str:
    """The condition with what Python says in another way than TQL replaced.

    >>> in_tql("labels.contains('car') and images.shape[0] > 64 and weather in ['rain', 'snow']")
    "contains(labels, 'car') and shape(images)[0] > 64 and weather in ('rain', 'snow')"
    """
    for pattern, said in _SAID:
        text = re.sub(pattern, said, text)
    return text
