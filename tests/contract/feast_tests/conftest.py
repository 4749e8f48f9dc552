"""The tests of Feast run in a pytest of their own, by `test_behaviors.py`."""

collect_ignore = ["vendored"]
