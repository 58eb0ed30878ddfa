"""What log lines look like: data.  One TOML file a format, each with its own proof (see `formats.language`)."""

from mailripple.formats.load import Format, FormatSet, Pattern, Sample, assemble, load_formats, read_format

__all__ = ["Format", "FormatSet", "Pattern", "Sample", "assemble", "load_formats", "read_format"]
