"""`python -m lagoa.cli`: the command line where the `lagoa` script is not on the path."""

from lagoa.cli.main import main

main()
