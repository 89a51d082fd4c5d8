"""What a check costs: each figure a ratio from one run, with its spread."""
