"""Looking at a lake: overview, queries, differences, reports, and whether all of it is sound."""
