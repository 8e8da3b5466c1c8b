"""The deciding core: modes, the transition table, admission, settings.

Everything here is a pure function or a frozen value. Time, state and settings come in as arguments;
what is to be done goes out as values. No clock, no network, no store, no log (import-linter checks it).
"""
