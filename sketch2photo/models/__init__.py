"""Networks: U-Net generator, PatchGAN discriminator, VGG16 classifier."""
