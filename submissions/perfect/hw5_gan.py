import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader

from hw5_utils import BASE_URL, GANDataset, download


class DNet(nn.Module):
    """This is the discriminator network."""

    def __init__(self):
        super(DNet, self).__init__()
        self.conv1 = nn.Conv2d(1, 2, kernel_size=3, stride=1, padding=1)
        self.conv2 = nn.Conv2d(2, 4, kernel_size=3, stride=1, padding=1)
        self.conv3 = nn.Conv2d(4, 8, kernel_size=3, stride=1, padding=0)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.fc = nn.Linear(200, 1)
        self._weight_init()

    def _weight_init(self):
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_uniform_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = F.relu(self.conv3(x))
        x = torch.flatten(x, 1)
        return self.fc(x)


class GNet(nn.Module):
    """This is the generator network."""

    def __init__(self, zdim):
        super(GNet, self).__init__()
        self.fc = nn.Linear(zdim, 1568)
        self.conv1 = nn.Conv2d(32, 16, kernel_size=3, stride=1, padding=1)
        self.conv2 = nn.Conv2d(16, 8, kernel_size=3, stride=1, padding=1)
        self.conv3 = nn.Conv2d(8, 1, kernel_size=3, stride=1, padding=1)
        self.up = nn.Upsample(scale_factor=2)
        self.act = nn.LeakyReLU(0.2)
        self._weight_init()

    def _weight_init(self):
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_uniform_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, z):
        x = self.act(self.fc(z))
        x = x.view(-1, 32, 7, 7)
        x = self.act(self.conv1(self.up(x)))
        x = self.act(self.conv2(self.up(x)))
        return torch.sigmoid(self.conv3(x))


class GAN:
    def __init__(self, zdim=64):
        self._dev = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._zdim = zdim
        self.disc = DNet().to(self._dev)
        self.gen = GNet(self._zdim).to(self._dev)

    def _get_loss_d(self, batch_size, batch_data, z):
        real = self.disc(batch_data)
        fake = self.disc(self.gen(z).detach())
        loss_real = F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
        loss_fake = F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
        return loss_real + loss_fake

    def _get_loss_g(self, batch_size, z):
        fake = self.disc(self.gen(z))
        return F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))

    def train(self, iter_d=1, iter_g=1, n_epochs=100, batch_size=256, lr=0.0002):
        name = "train-images-idx3-ubyte.gz"
        download(BASE_URL + name, name)
        data = GANDataset(f"./data/{name}", self._dev)
        loader = DataLoader(data, batch_size=batch_size, shuffle=True, drop_last=True)

        opt_d = optim.Adam(self.disc.parameters(), lr=lr)
        opt_g = optim.Adam(self.gen.parameters(), lr=lr)

        for epoch in range(n_epochs):
            for batch_idx, batch in enumerate(loader):
                z = 2 * torch.rand(batch.size(0), self._zdim, device=self._dev) - 1

                if batch_idx == 0 and epoch % 10 == 0:
                    self._save_images(z[:64], f"epoch_{epoch}.png")

                for _ in range(iter_d):
                    opt_d.zero_grad()
                    loss_d = self._get_loss_d(batch_size, batch, z)
                    loss_d.backward()
                    opt_d.step()

                for _ in range(iter_g):
                    opt_g.zero_grad()
                    loss_g = self._get_loss_g(batch_size, z)
                    loss_g.backward()
                    opt_g.step()

            print(f"epoch {epoch}: loss_d {loss_d.item():.4f}, loss_g {loss_g.item():.4f}")

    def _save_images(self, z, name):
        from PIL import Image

        with torch.no_grad():
            images = self.gen(z).cpu()
        rows = [torch.cat(list(row[:, 0]), dim=1) for row in images.split(8) if len(row) == 8]
        Image.fromarray((torch.cat(rows) * 255).byte().numpy()).save(name)


if __name__ == "__main__":
    gan = GAN()
    gan.train()
