"""Nothing to write but the feature."""

from pytest_bdd import scenarios

scenarios("our-hold.feature")
