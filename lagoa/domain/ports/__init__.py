"""The services that Lagoa's core needs, as Protocols. Adapters implement them; `lagoa.bootstrap` selects which."""
