"""See the modules; importing this package loads none of them."""
