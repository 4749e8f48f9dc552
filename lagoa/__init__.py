"""Lagoa: a versioned lakehouse. Data is loaded and checked on a branch; `main` moves only to the state that passed."""
