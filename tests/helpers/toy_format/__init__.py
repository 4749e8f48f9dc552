"""A format of files as CONTRIBUTING says to add one: a record a line, its fields `key=value` between semicolons."""
