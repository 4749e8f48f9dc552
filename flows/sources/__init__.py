"""Where the reference lake's data comes from."""
