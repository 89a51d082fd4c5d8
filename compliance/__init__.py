"""What standards ask, what of it is met, and which test shows it."""
