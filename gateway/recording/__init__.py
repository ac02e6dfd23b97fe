"""Frames to bytes and back: the recording file, its verification and its exports.

Pure: bytes in, bytes out; no files, clocks or asyncio. Central types: `writer.RecordingWriter` and
`reader.RecordingReader`; the file itself is described in `layout.py`. The session room writes, the API and the
command line read.
"""
