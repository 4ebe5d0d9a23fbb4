"""From a checkpoint to files for other engines, each shown to decide as the checkpoint does."""
