/** @file The model card of a packed task: YAML front matter that model hubs read, and a table for people. */
import type { TaskArtifact } from '../contract/training.ts';
import { transformBytes } from './weight-transform.ts';

export interface AdapterCard {
  taskName: string;
  baseName: string;
  /** Fraction 0..1; null when not measured. */
  testAccuracy: number | null;
  /** Size of adapter_model.safetensors. */
  sizeBytes: number;
}

/** Text in a Markdown table: on one line, without markup of its own. */
function cell(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>|#&]/g, '\\$&').replaceAll(/[\u0000-\u001f\u007f\u202a-\u202e\u2066-\u2069]+/g, ' ');
}

/** A JSON string is a YAML string. */
const quoted = (text: string): string => JSON.stringify(text);

const METHOD_TAGS: Readonly<Record<TaskArtifact['method'], string>> = {
  taps: 'task-adaptive-parameter-sharing',
  'full-fine-tuning': 'full-fine-tuning',
  'linear-probe': 'linear-probe',
  'norm-head': 'norm-head',
  'bias-head': 'bitfit',
  'fixed-layers': 'partial-fine-tuning',
  'low-rank': 'lora',
  modulator: 'reparameterized-convolutions',
  piggyback: 'piggyback',
};

/** README.md of an adapter folder. */
export function adapterCard({ taskName, baseName, testAccuracy, sizeBytes }: AdapterCard, artifact: TaskArtifact): string {
  const open = artifact.layers.filter((layer) => layer.open);
  const rows = artifact.layers.map(({ name, parameters, score, open: tuned }) => {
    const transform = artifact.transforms.get(name);
    const bytes = transform === undefined ? (tuned ? parameters * 4 : 0) : transformBytes(transform);
    return `| ${cell(name)} | ${String(parameters)} | ${score === null ? '-' : score.toFixed(4)} | ${tuned ? 'yes' : 'no'} | ${String(bytes)} |`;
  });
  return `---
license: other
license_name: choose-before-publishing
library_name: taps-studio
pipeline_tag: image-classification
base_model: ${quoted(baseName)}
base_model_relation: adapter
tags:
- taps
- ${METHOD_TAGS[artifact.method]}
---

# ${cell(taskName)}

A task for the base network **${cell(baseName)}** (SHA-256 \`${artifact.baseId}\`), packed by TAPS Studio.
It holds only what the task adds to the base; without the base it does nothing.

| | |
|---|---|
| Method | ${artifact.method} |
| Classes | ${String(artifact.classNames.length)}: ${artifact.classNames.slice(0, 50).map(cell).join(', ')}${artifact.classNames.length > 50 ? ', ...' : ''} |
| Test accuracy | ${testAccuracy === null ? 'not measured' : `${(testAccuracy * 100).toFixed(2)} %`} |
| Layers tuned | ${String(open.length)} of ${String(artifact.layers.length)} |
| Bytes stored | ${String(sizeBytes)} |
| Input | ${String(artifact.preprocessing.imageSize)} × ${String(artifact.preprocessing.imageSize)} pixels, ${artifact.preprocessing.channelOrder} |

## Layers

| Layer | Parameters | Score | Tuned | Bytes |
|---|---|---|---|---|
${rows.join('\n')}

The licence above is a placeholder: choose one that the base and the pictures allow before you publish this folder.
`;
}
