"""The second factor itself: pure, without clock, environment, database, network or framework."""
