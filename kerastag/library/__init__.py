"""A music collection: what a model said of its files, their tags, playlists, similar tracks, pictures."""
