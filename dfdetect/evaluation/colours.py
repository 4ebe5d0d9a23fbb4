"""What the classes look like in every figure, page and video."""

CLASS_COLOURS = ("#0072B2", "#D55E00")
"""Real is always blue and fake vermilion, from the colour-blind-safe palette of Okabe and Ito, "Color Universal
Design" (2008)."""
UNCERTAIN_COLOUR = "#E69F00"
"""Their orange, told from both also by its lightness."""
