/** @file The published counting example: 13 and 5 open layers of ResNet-50 (ImageNet-to-Sketch, CUB). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publishedRatio } from '../../src-main/core/accounting.ts';

/** ResNet-50 (He et al., CVPR 2016) in torchvision's order: stem, then per block conv1, conv2, conv3 and, in the first, the shortcut. */
function resnet50(): { convs: number[]; norm: number; shortcutNorm: number } {
  const convs = [64 * 3 * 49];
  let norm = 2 * 64;
  let shortcutNorm = 0;
  let channels = 64;
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    const width = 64 * 2 ** stage;
    for (let block = 0; block < blocks; block++) {
      convs.push(channels * width, width * width * 9, width * width * 4);
      norm += 2 * (width + width + 4 * width);
      if (block === 0) {
        convs.push(channels * width * 4);
        shortcutNorm += 2 * 4 * width;
      }
      channels = width * 4;
    }
  }
  return { convs, norm, shortcutNorm };
}

const { convs, norm, shortcutNorm } = resnet50();
const total = convs.reduce((sum, count) => sum + count, 0) + norm + shortcutNorm + 2048 * 1000 + 1000;

test('the table of ResNet-50 has the known totals', () => {
  assert.equal(convs.length, 53);
  assert.equal(convs.reduce((sum, count) => sum + count, 0), 23_454_912);
  assert.equal(norm + shortcutNorm, 53_120);
  assert.equal(shortcutNorm, 7_680);
  assert.equal(total, 25_557_032);
});

test('13 and 5 open layers give the printed ratios', () => {
  const thirteen = [25, 26, 27, 40, 43, 44, 45, 46, 47, 48, 49, 51, 52];
  const five = [44, 45, 46, 49, 52];
  assert.equal(publishedRatio({ gatedWeights: convs, open: thirteen, countedNorm: norm, total }).toFixed(6), '0.609517');
  assert.equal(publishedRatio({ gatedWeights: convs, open: five, countedNorm: norm, total }).toFixed(6), '0.299237');
});
