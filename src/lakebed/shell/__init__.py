"""The interactive shell, and `lakebed query` for scripts.

Pure parts, testable without a terminal: `pieces` (text to coloured pieces), `statements` (where a query ends),
`commands` (the dot commands), `completion`, `previews`, `layout`, `tables`, `messages`. What reads datasets: `names`,
`pages`, `exports`. What keeps state: `session` with `actions`. The rim: `terminal`, `piped`, `running`, `entry`.
"""
