"""How near a generator's pictures come to true photos, and whether people would name them."""
