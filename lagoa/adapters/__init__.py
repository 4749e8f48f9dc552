"""One package a technology. `lagoa.bootstrap` picks which of them a lake uses."""
