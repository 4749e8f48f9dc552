"""How a lake is read: a log of its queries without their values, and what follows from it for a table's layout."""
