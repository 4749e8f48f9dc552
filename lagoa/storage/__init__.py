"""Storage of the files of a lake's tables: in local folders, or in an S3 object store."""
