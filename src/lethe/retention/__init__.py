"""What may be kept, by whom: levels, upstream classes and the rules between them."""
