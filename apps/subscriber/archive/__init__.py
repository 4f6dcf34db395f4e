"""The archive: what lay in the topics, as Parquet in a folder or in S3 (docs/archive.md)."""
