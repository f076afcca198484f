"""What every scene is made of: meshes, materials, fur; and what makes pictures of it: studio, lines, photo."""
