"""The drills: feature files bound to steps, a runner for them, and what it writes down."""
