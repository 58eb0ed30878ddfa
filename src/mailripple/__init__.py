"""mailripple: find the mass mailer in the logs that mail and DNS servers already write."""

__version__ = "0.1.0"
