"""Raw input: finds the sources, unpacks them, cuts them into chunks of whole lines.  No log text is parsed here."""

from mailripple.sources.chunks import CHUNK, MAX_LINE, PAD, BufferPool, Chunk, ChunkReader, head
from mailripple.sources.copies import find_sources
from mailripple.sources.discover import Source, discover, rotation, server_name
from mailripple.sources.reread import Landmarks, lines_again

__all__ = [
    "CHUNK",
    "MAX_LINE",
    "PAD",
    "BufferPool",
    "Chunk",
    "ChunkReader",
    "Landmarks",
    "Source",
    "discover",
    "find_sources",
    "head",
    "lines_again",
    "rotation",
    "server_name",
]
