"""Every feature file as pytest tests. The runner names this file to pytest; it is no part of ``tests/``."""

from pytest_bdd import scenarios

from zepguard.drills.places import features_folder

scenarios(str(features_folder()))
