"""`python -m mailripple`."""

from mailripple.cli import main

main()
