"""One file per question, each prints a table and, with --json, writes its figures; see README.md."""
