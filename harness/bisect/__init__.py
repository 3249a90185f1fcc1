"""Which commit, or which image, brought a defect: a search that knows that runs may be flaky."""
