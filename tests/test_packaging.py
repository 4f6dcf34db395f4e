"""Plain top-level packages are safe only while nobody else provides the same names."""

from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("features", "models", "detectors", "streams", "apps")


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_provides_our_package_names(package):
    """An environment where another distribution ships `models` would import the wrong one."""
    others = set(packages_distributions().get(package, [])) - {"weir"}

    assert others == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_our_packages_are_imported_from_this_checkout(package):
    """The tests judge this tree, not an installed copy of another one."""
    imported = __import__(package)

    assert Path(imported.__file__).is_relative_to(ROOT)


def test_no_package_file_lies_below_tests():
    """With `__init__.py` below tests/, `tests.features` would shadow `features`."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []
