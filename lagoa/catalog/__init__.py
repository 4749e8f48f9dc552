"""What stands at a ref: PyIceberg's catalog of it, its namespaces, and what tables' metadata files say."""
