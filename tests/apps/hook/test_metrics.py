from apps.hook.metrics import HookMetrics


def test_reasons_and_outcomes_are_there_before_they_happen():
    """A rate needs a zero to begin at."""
    lines = HookMetrics().exposition().decode().splitlines()
    assert 'weir_hook_fallbacks_total{reason="breaker"} 0.0' in lines
    assert 'weir_hook_verdicts_total{source="late"} 0.0' in lines
    assert 'weir_hook_replies_total{outcome="foreign"} 0.0' in lines


def test_the_breakers_state_is_read_when_asked():
    metrics = HookMetrics()
    states = iter(["open", "half_open", "closed"])
    metrics.observe_breaker(lambda: next(states))
    read = [metrics.registry.get_sample_value("weir_hook_breaker") for _ in range(3)]
    assert read == [2, 1, 0]
