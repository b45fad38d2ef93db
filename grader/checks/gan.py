"""The closed-form checks of the GAN (homework part 4): networks, initialisation, losses. Import registers them."""

from grader.checks.gan_init import weight_init
from grader.checks.gan_layers import dnet, gnet
from grader.checks.gan_losses import discriminator_loss, generator_loss

__all__ = ["discriminator_loss", "dnet", "generator_loss", "gnet", "weight_init"]
