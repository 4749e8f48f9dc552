"""What the mechanism needs from outside, as Protocols. Adapters implement them; `lagoa.bootstrap` picks which."""
