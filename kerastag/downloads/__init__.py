"""Files over HTTP: asked for, resumed where a connection broke off, and verified before they appear."""
