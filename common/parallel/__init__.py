"""How a training step is made fast. The core uses only what is imported here."""
