"""How secrets are obtained from their references."""
