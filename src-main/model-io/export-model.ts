/** @file Base + task → one ONNX file, and the proof that a fresh process gets the library's answers out of it. */
import { readFile } from 'node:fs/promises';
import * as ort from 'onnxruntime-node';
import { TapsError } from '../contract/errors.ts';
import { elementCount } from '../contract/tensors.ts';
import { openPreparedSet } from '../data/prepared-set.ts';
import { decodeTaskFile } from '../formats/task-file.ts';
import { applyArtifact } from '../graph/merge/apply-artifact.ts';
import { combinedMetadata, type NamedArtifact } from '../graph/merge/combine-tasks.ts';
import { serializeOnnx } from '../graph/onnx/encode.ts';
import type { BaseModel, Graph } from '../graph/types.ts';
import { shareNetwork, sharingOf } from '../operators/shared-network.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import { loadBase } from '../bases/load-base.ts';
import { argMax } from '../core/metrics.ts';
import type { ExportRequest, ExportResult, ParityRequest, ParityResult } from './protocol.ts';

export async function exportModel({ base: files, tasks, partialPath }: ExportRequest): Promise<ExportResult> {
  const base = await loadBase(files);
  const artifacts: NamedArtifact[] = [];
  for (const { name, artifactPath } of tasks) {
    const artifact = decodeTaskFile(await readFile(artifactPath));
    if (artifact.baseId !== files.baseId) {
      throw new TapsError('base-mismatch', `The task was learnt on the base ${artifact.baseId.slice(0, 12)}…, not on ${files.baseId.slice(0, 12)}….`, 'Import the base that the task was learnt on.');
    }
    artifacts.push({ name, artifact });
  }
  const { graph, nodes, sharing } = networkOf(base, artifacts);
  const bytes = serializeOnnx(graph);
  await writeFileAtomic(partialPath, bytes);
  return { bytes: bytes.length, inputName: graph.inputs[0]?.name ?? '', nodes, outputs: graph.outputs.map(({ name }) => name), sharing };
}

function networkOf(base: BaseModel, tasks: readonly NamedArtifact[]): { graph: Graph } & Pick<ExportResult, 'nodes' | 'sharing'> {
  const [first] = tasks;
  if (first !== undefined && tasks.length === 1) {
    const graph = applyArtifact(base, first.artifact);
    return { graph, nodes: { separate: graph.nodes.length, combined: graph.nodes.length }, sharing: null };
  }
  const metadata = combinedMetadata(tasks);
  const network = shareNetwork(base, tasks);
  const sharing = sharingOf(network, tasks.map(({ name }) => name), first?.artifact.preprocessing.imageSize ?? 0);
  return { graph: { ...network.graph, metadata }, nodes: network.nodes, sharing };
}

const BATCH = 32;

/** Pictures go through the exported file in batches; logits are compared number by number. */
export async function checkParity({ onnxPath, output, preparedFolder, indices, preprocessing, expected }: ParityRequest): Promise<ParityResult> {
  const session = await ort.InferenceSession.create(onnxPath);
  const inputName = session.inputNames[0] ?? '';
  const data = openPreparedSet(preparedFolder);
  const { imageSize } = preprocessing;
  const pixels = elementCount([3, imageSize, imageSize]);
  const classes = indices.length === 0 ? 0 : expected.length / indices.length;
  let largest = 0;
  let agreed = 0;
  for (let start = 0; start < indices.length; start += BATCH) {
    const count = Math.min(BATCH, indices.length - start);
    const images = new Float32Array(count * pixels);
    for (let slot = 0; slot < count; slot++) data.evaluationInput(indices[start + slot] ?? 0, images, slot * pixels, preprocessing);
    const outputs = await session.run({ [inputName]: new ort.Tensor('float32', images, [count, 3, imageSize, imageSize]) });
    const logits = outputs[output]?.data;
    if (!(logits instanceof Float32Array) || logits.length !== count * classes) {
      throw new TapsError('parity-failed', `The exported model returned ${String(logits?.length ?? 0)} numbers for ${String(count)} pictures and ${String(classes)} classes.`, 'Export again; if it happens again, report it.');
    }
    for (let slot = 0; slot < count; slot++) {
      const ours = expected.subarray((start + slot) * classes, (start + slot + 1) * classes);
      const theirs = logits.subarray(slot * classes, (slot + 1) * classes);
      ours.forEach((value, index) => {
        // Math.max keeps NaN: one number that is not finite fails the proof.
        largest = Math.max(largest, Math.abs(value - (theirs[index] ?? Number.NaN)));
      });
      if (argMax(ours) === argMax(theirs)) agreed++;
    }
  }
  await session.release();
  return { images: indices.length, maxAbsLogitDiff: largest, top1Agreement: indices.length === 0 ? 1 : agreed / indices.length };
}
