"""A music collection: tables of its scores."""
