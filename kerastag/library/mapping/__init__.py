"""The map of a collection: tracks that sound alike lie close to each other on one page."""
