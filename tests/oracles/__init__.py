"""Independent NumPy versions of the equations of the papers."""
