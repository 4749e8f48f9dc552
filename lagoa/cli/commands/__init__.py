"""One file a command, named after it; a group that has outgrown a file is a package with a file a verb."""
