"""The content of a ref: its PyIceberg catalog, its namespaces, and the metadata files of its tables."""
