"""`python -m dfdetect` is the same as `dfdetect`."""

from dfdetect.main import main

if __name__ == "__main__":
    raise SystemExit(main())
