"""Finds secrets in what a target answers and paints over them, on one linear-time engine (google-re2).

Central type: `stream.StreamMasker`, one for each output stream. Pure: it waits for nothing and keeps no clock;
the Gate says when the time to hold something back is over.
"""
