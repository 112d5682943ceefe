"""What a running Lethe can show about itself, signed."""
