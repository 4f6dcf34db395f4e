"""The local stack: Kafka, Redis and a worker on this machine, for `weir up` and the tests."""
