"""`make guards`: each guarding line taken away in a copy of the tree, and the test that must fail without it."""
