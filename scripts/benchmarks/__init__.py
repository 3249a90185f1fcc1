"""What the harness costs, measured beside something else in one run."""
