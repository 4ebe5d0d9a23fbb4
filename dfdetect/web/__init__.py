"""The server of `dfdetect serve`: a page for people and an API for programs."""
