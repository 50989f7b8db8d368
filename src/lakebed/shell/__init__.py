"""The interactive shell, and `lakebed query` for scripts.

Pure parts, testable without a terminal: `pieces` (text to coloured pieces), `statements` (where a query ends),
`commands` (the dot commands), `completion`, `layout`, `tables`, `previews`, `messages`. What reads datasets: `names`,
`pages`, `pictures`, `exports`. What keeps state: `session`, on which `actions` work and in which `dispatch` runs
statements. The rim: `terminal`, `piped`, `running`, `paths`, `entry`. The shell imports the face, never the reverse.
"""
