"""One training on several machines, which the environment variable TF_CONFIG names."""
