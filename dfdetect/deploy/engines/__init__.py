"""The engines that run a detector, one module each, imported only when a file needs it."""
