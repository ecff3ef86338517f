"""The merchant's pages, one module for each noun. Views only: they parse, call selectors and services, and render."""
