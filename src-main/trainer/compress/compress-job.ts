/** @file One compression inside the trainer child: from a task file to a smaller one that answers within the tolerance. */
import { readFile } from 'node:fs/promises';
import type { CompressionReport, CompressJob, Encoding } from '../../contract/compression.ts';
import { TapsError } from '../../contract/errors.ts';
import { PICTURES_AT_ONCE, type TrainerEvent } from '../../contract/trainer-protocol.ts';
import type { Evaluation, TaskArtifact } from '../../contract/training.ts';
import { loadBase } from '../../bases/load-base.ts';
import { openPreparedSet, type PreparedSet } from '../../data/prepared-set.ts';
import { createEngine } from '../../engine/index.ts';
import type { Engine } from '../../engine/types.ts';
import type { FormSpec } from '../../formats/forms/form.ts';
import { decodeTaskFile } from '../../formats/task-file.ts';
import type { BaseModel } from '../../graph/types.ts';
import { writeFileAtomic } from '../../platform/atomic-file.ts';
import { createPredictor } from '../../training/predictor.ts';
import { createSwapPredictor } from '../../training/swap-predictor.ts';
import type { LoopControl } from '../control.ts';
import { evaluateSplit } from '../evaluate.ts';
import { failureOf } from '../recovery.ts';
import { Judge, type Judgement } from './judge.ts';
import { formOption, losslessOption } from './options.ts';
import { partsOf, type Part } from './parts.ts';
import { DIVERGENCE_PER_POINT, fittingForms, isWithin, judged, losslessCandidate, rate, searchForms, type Candidate, type SearchOptions } from './search.ts';

/** The form of layers when a person names one. */
const GIVEN: Readonly<Record<Exclude<Encoding, 'auto' | 'float32'>, FormSpec>> = {
  float16: { form: 'float16' },
  int8: { form: 'int8' },
  int4: { form: 'int4', levels: 7 },
  int3: { form: 'int4', levels: 3 },
  quinary: { form: 'int4', levels: 2 },
  ternary: { form: 'int4', levels: 1 },
  sign: { form: 'sign' },
};

/**
 * What is written is what was evaluated: figures come from the file, read back.
 * @throws TapsError `cancelled`, `base-mismatch`, `dataset-invalid`, `model-malformed`
 */
export async function runCompressJob(job: CompressJob, control: LoopControl, send: (event: TrainerEvent) => void): Promise<TrainerEvent> {
  try {
    return await compress(job, control, send);
  } catch (error) {
    throw failureOf(error, { batchSize: batchOf(job) });
  }
}

/** Pictures that are evaluated at once. */
function batchOf({ batchSize = PICTURES_AT_ONCE }: CompressJob): number {
  return batchSize;
}

async function compress(job: CompressJob, control: LoopControl, send: (event: TrainerEvent) => void): Promise<TrainerEvent> {
  const started = performance.now();
  const base = await loadBase(job.base);
  const before = await readFile(job.artifactPath);
  const artifact = decodeTaskFile(before);
  if (artifact.baseId !== job.base.baseId) throw new TapsError('base-mismatch', `The task was learnt on the base ${artifact.baseId.slice(0, 12)}…, not on ${job.base.baseId.slice(0, 12)}….`, 'Import the base that the task was learnt on.');
  const data = openPreparedSet(job.preparedFolder);
  if (data.indicesOf('validation').length + data.indicesOf('train').length === 0) throw new TapsError('dataset-invalid', 'There is no validation or training picture to choose by.', 'Name one form with --form, or compress the task where its pictures are.');
  const engine = await createEngine(job.engine, { threads: job.threads });
  try {
    const run = new Compression(job, { base, artifact, data, engine, control, send });
    const { candidate, reference, evaluations } = await run.choose();
    if (!Number.isFinite(candidate.judgement.divergence)) throw new TapsError('non-finite', `In ${String(candidate.bytes.length)} bytes the task no longer answers with numbers.`, 'Ask for a larger size, another form or a tolerance; nothing was changed.');
    send({ kind: 'compressing', progress: { stage: 'evaluating', done: 0, total: 1 } });
    const test = await run.evaluate(decodeTaskFile(candidate.bytes), data.indicesOf('test'));
    await writeFileAtomic(job.outputPath, candidate.bytes);
    const report: CompressionReport = {
      encoding: job.encoding,
      tolerance: job.tolerance,
      ...(job.mostBytes === undefined ? {} : { mostBytes: job.mostBytes }),
      divergenceLimit: job.encoding === 'auto' && job.mostBytes === undefined ? DIVERGENCE_PER_POINT * job.tolerance : null,
      divergence: candidate.judgement.divergence,
      pictures: run.pictures,
      bytesBefore: before.length,
      bytesAfter: candidate.bytes.length,
      validationBefore: reference.validation,
      validationAfter: candidate.judgement.validation,
      test,
      parts: candidate.choices.map(({ part, option }) => ({ part: part.name, form: option.name, parameters: part.parameters, bytes: option.bytes })),
      evaluations,
      seconds: (performance.now() - started) / 1000,
    };
    return { kind: 'compressed', artifactPath: job.outputPath, report };
  } finally {
    engine.dispose();
  }
}

interface Surroundings {
  base: BaseModel;
  artifact: TaskArtifact;
  data: PreparedSet;
  engine: Engine;
  control: LoopControl;
  send: (event: TrainerEvent) => void;
}

class Compression {
  readonly #job: CompressJob;
  readonly #around: Surroundings;
  pictures = 0;

  constructor(job: CompressJob, around: Surroundings) {
    this.#job = job;
    this.#around = around;
  }

  async choose(): Promise<{ candidate: Candidate; reference: Judgement; evaluations: number }> {
    const { base, artifact, data, engine } = this.#around;
    const { encoding, tolerance } = this.#job;
    const batchSize = batchOf(this.#job);
    const predictor = await createSwapPredictor({ engine, base, artifact, batchSize });
    try {
      const judge = new Judge({ predictor, data, preprocessing: artifact.preprocessing, batchSize, between: () => this.#breathe() });
      this.pictures = judge.pictures;
      const reference = await judge.setReference(artifact);
      const parts = partsOf(artifact, base);
      const lossless = await losslessCandidate({ artifact, parts, judge });
      if (encoding === 'float32' || (encoding === 'auto' && tolerance === 0)) return { candidate: lossless, reference, evaluations: 1 };
      if (encoding !== 'auto') return { candidate: await judged(artifact, given(parts, GIVEN[encoding]), judge), reference, evaluations: 1 };
      const search: SearchOptions = {
        artifact,
        parts,
        judge,
        reference,
        tolerance,
        onProgress: (stage, done, total) => {
          this.#around.send({ kind: 'compressing', progress: { stage, done, total } });
        },
      };
      const rated = await rate(search);
      const { mostBytes } = this.#job;
      if (mostBytes !== undefined) {
        if (lossless.bytes.length <= mostBytes) return { candidate: lossless, reference, evaluations: 1 };
        const fitting = fittingForms(artifact, parts, rated, mostBytes);
        const stored = decodeTaskFile(fitting.bytes);
        const { divergence } = await judge.judge(stored);
        return { candidate: { ...fitting, judgement: { validation: await this.evaluate(stored, this.#chosenBy), divergence } }, reference, evaluations: 1 };
      }
      const { accepted, evaluations } = await searchForms(search, rated);
      const candidate = (await this.#confirmed(accepted, reference)) ?? lossless;
      return { candidate, reference, evaluations };
    } finally {
      predictor.dispose();
    }
  }

  /** The smallest version that is within the tolerance as every later prediction computes it, with weights that the runtime knows. */
  async #confirmed(accepted: readonly Candidate[], reference: Judgement): Promise<Candidate | null> {
    for (const candidate of accepted) {
      const evaluation = await this.evaluate(decodeTaskFile(candidate.bytes), this.#chosenBy);
      const judgement = { ...candidate.judgement, validation: evaluation };
      if (isWithin(judgement, reference, this.#job.tolerance)) return { ...candidate, judgement };
    }
    return null;
  }

  /** The pictures whose accuracy decides. */
  get #chosenBy(): readonly number[] {
    const { data } = this.#around;
    const validation = data.indicesOf('validation');
    return validation.length > 0 ? validation : data.indicesOf('train');
  }

  async evaluate(artifact: TaskArtifact, indices: readonly number[]): Promise<Evaluation> {
    const { base, data, engine } = this.#around;
    const batchSize = batchOf(this.#job);
    const predictor = await createPredictor({ engine, base, artifact, batchSize });
    try {
      const { preprocessing } = artifact;
      return await evaluateSplit({ data, indices, preprocessing, batchSize, classes: predictor.classes, logits: { ofImages: (images) => predictor.logits(images) }, between: () => this.#breathe() });
    } finally {
      predictor.dispose();
    }
  }

  async #breathe(): Promise<void> {
    const { control } = this.#around;
    await control.breathe();
    if (control.cancelled) throw new TapsError('cancelled', 'Making the task smaller was cancelled.', 'Start it again when you are ready; nothing was changed.');
  }
}

/** Layers in the given form; normalisation, biases and head as float16, factors never below int8; as they are what cannot take it. */
function given(parts: readonly Part[], spec: FormSpec): Candidate['choices'] {
  return parts.map((part) => {
    const layer = part.kind === 'matrix' || part.kind === 'array';
    const own: FormSpec = layer ? spec : part.kind === 'factors' && spec.form !== 'float16' ? { form: 'int8' } : { form: 'float16' };
    return { part, option: (part.tensors.length === 0 ? null : formOption(part, own)) ?? losslessOption(part) };
  });
}
