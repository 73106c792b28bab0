"""Two bases small enough to commit: a residual convolutional network and a vision transformer, both for 12x12 images."""
import math

import torch
from torch import nn
from torch.nn import functional as F

IMAGE_SIZE = 12
BASE_CLASSES = 7
FEATURES = 16


class ResidualBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ConvNet(nn.Module):
    """3 -> 8 -> 8 -> 16 channels; six convolutions."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.layer1 = ResidualBlock(8, 8, 1)
        self.layer2 = ResidualBlock(8, FEATURES, 2)
        self.fc = nn.Linear(FEATURES, BASE_CLASSES)

    def forward(self, images):
        x = F.relu(self.bn1(self.conv1(images)))
        x = self.layer2(self.layer1(x))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class TransformerBlock(nn.Module):
    """Pre-norm attention and MLP. No bias on qkv: a key's bias has no gradient, and Adam would amplify its rounding noise."""

    def __init__(self, width, heads, mlp_ratio=2):
        super().__init__()
        self.heads = heads
        self.depth = width // heads
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.fc1 = nn.Linear(width, mlp_ratio * width)
        self.fc2 = nn.Linear(mlp_ratio * width, width)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))

    def attention(self, x):
        batch, tokens, _ = x.shape
        query, key, value = (
            part.reshape(batch, tokens, self.heads, self.depth).transpose(1, 2)
            for part in self.qkv(x).split(self.heads * self.depth, dim=-1)
        )
        weights = torch.softmax(torch.matmul(query, key.transpose(-2, -1)) / math.sqrt(self.depth), dim=-1)
        return self.proj(torch.matmul(weights, value).transpose(1, 2).flatten(2))


class VisionTransformer(nn.Module):
    """Unless told otherwise: patches of 4x4, class token, two blocks of width 16 with two heads; nine gated layers."""

    def __init__(self, image_size=IMAGE_SIZE, patch=4, width=FEATURES, depth=2, heads=2, mlp_ratio=2, classes=BASE_CLASSES):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, width, patch, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, (image_size // patch) ** 2 + 1, width))
        self.blocks = nn.ModuleList([TransformerBlock(width, heads, mlp_ratio) for _ in range(depth)])
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, images):
        x = self.patch_embed(images).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


@torch.no_grad()
def seeded(model, seed):
    """Gives every parameter and running statistic a value away from its default, as a pre-trained base would have."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in sorted(model.state_dict().items()):
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=generator)
        if value.dim() > 1 and name.endswith('weight'):
            value.copy_(noise / math.sqrt(value[0].numel()))
        elif name.endswith('running_var'):
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
        elif name.endswith('weight'):
            value.copy_(1 + 0.2 * noise)
        else:
            value.copy_(0.2 * noise)
    return model.eval()


def export_onnx(model, path, image_size=IMAGE_SIZE):
    """Opset 13, dynamic batch, batch normalisations kept as nodes, weights under their PyTorch names."""
    model.eval()
    torch.onnx.export(
        model, torch.zeros(2, 3, image_size, image_size), path, opset_version=13,
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
        input_names=['images'], output_names=['logits'], dynamic_axes={'images': {0: 'batch'}, 'logits': {0: 'batch'}},
    )
