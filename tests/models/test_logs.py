"""Fixed-point logarithms are the logarithms, and run as plain Python."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from mailripple.models.logs import ONE, add_logs, log_of


@given(st.integers(1, 1 << 62))
def test_log_of_is_the_natural_logarithm(x: int) -> None:
    """For every integer up to 2**62 it errs by less than 3e-7."""
    assert abs(log_of(x) / ONE - math.log(x)) < 3e-7


@given(st.floats(-40, 40), st.floats(-40, 40))
def test_add_logs_adds_what_the_logarithms_stand_for(a: float, b: float) -> None:
    """log(exp(a) + exp(b)) to 8e-6, and never less than the larger."""
    found = add_logs(round(a * ONE), round(b * ONE))
    top = max(a, b)
    assert abs(found / ONE - top - math.log1p(math.exp(-abs(a - b)))) < 8e-6
    assert found >= max(round(a * ONE), round(b * ONE))
