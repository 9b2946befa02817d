"""One picture file → an image as MNIST has it."""
