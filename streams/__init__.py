"""The Faust processors and the stores they use: where the core meets Kafka and Redis.

Not to be confused with Faust's own "streams": those are inside `streams.agents`.
"""
