from pathlib import Path
def is_generated(root: Path) -> bool:
    return (root / "GENERATED-FACES.txt").is_file()
