"""How many random inputs the property tests try, and whether they are the same ones in every run.

- ``same``, unless said: the same inputs on every machine, in every run and in any order of the files.
- ``few``, for ``make test``: a fifth of them.
- ``random``, for ``make fuzz``: ten times as many, other ones in every run. A failure ends with the inputs that caused
  it and with a line ``@reproduce_failure(...)``. Paste either above the test, the inputs as ``@example(...)``.
"""

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

USUAL = 100
# Hypothesis would also fail where the machine is slow, or where inputs take long to draw.
NO_CLOCK = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile(
    'same', derandomize=True, database=None, deadline=None, max_examples=USUAL, suppress_health_check=NO_CLOCK
)
SAME = settings.get_profile('same')
settings.register_profile('few', SAME, max_examples=USUAL // 5)
settings.register_profile('random', SAME, derandomize=False, max_examples=USUAL * 10, print_blob=True)
settings.load_profile('same')  # --hypothesis-profile comes after it, and before the tests are imported


def examples(count: int) -> settings:
    """Run a property on this many inputs; profiles with fewer or more multiply it."""
    return settings(max_examples=max(1, count * settings().max_examples // USUAL))


def forget_modules() -> None:
    """Draw no input from the constants of modules: hypothesis takes those that earlier files happened to import."""
    if hasattr(providers, '_get_local_constants'):
        none = providers._local_constants
        providers._get_local_constants = lambda: none
