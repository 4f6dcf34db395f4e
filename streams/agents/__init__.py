"""One module per topic that a Faust processor reads; `streams.worker` imports each by name."""
