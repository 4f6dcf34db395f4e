"""The log of an embedded installation: topics in one SQLite file, in place of Kafka's."""
