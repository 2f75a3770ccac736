"""Options of training against each other, by several seeds each: which differences are more than noise."""
