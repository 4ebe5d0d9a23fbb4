"""What a network sees of a picture: pixels, and traces that forgery leaves in them."""
