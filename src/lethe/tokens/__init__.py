"""How many tokens a request has, where nobody can be asked: text by a vocabulary, media by the vendors' formulas."""
