"""Pure: rows in, specs out. No SQL, no clock."""
