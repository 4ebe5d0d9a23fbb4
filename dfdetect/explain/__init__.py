"""Why a detector says what it says: maps of evidence, regions of a face, and pictures of both."""
