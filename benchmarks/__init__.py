"""Every speed and memory figure that Lagoa names, measured; `python -m benchmarks` writes docs/benchmarks.md."""
