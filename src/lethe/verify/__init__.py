"""`lethe verify`: canaries through the real thing, and every place searched where they could rest."""
