"""One factor at a time, on the test split."""
