"""Catalogues that one machine cannot hear: a table of tracks cut into shards, which any number of workers share."""
