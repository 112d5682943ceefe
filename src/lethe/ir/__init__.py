"""The canonical model: what every dialect is decoded into and encoded from."""
