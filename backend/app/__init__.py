"""The reference backend: one staircase, each file standing only on those below it."""
