"""Speeds of jaxhash beside those of its peers, in the same run."""
