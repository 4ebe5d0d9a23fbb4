"""What a data set holds that it should not: duplicates, twins, shortcuts, broken files."""
