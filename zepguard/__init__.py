"""The harness: one command line, the worlds that the features run in, the evidence."""
