"""What counts mean: models fitted to them."""
