"""Training of closer's two networks: data, physics, networks, fit, export. See README.md in this folder."""
