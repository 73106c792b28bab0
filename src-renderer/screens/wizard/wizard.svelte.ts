/** @file The wizard's answers. Kept by the main side after every change, so that a restart loses nothing. */
import { defaultsForBase } from '../../../src-main/contract/training-defaults.ts';
import { trainConfigSchema, type TrainConfig } from '../../../src-main/contract/training.ts';
import type { Grant } from '../../../src-main/contract/studio/common.ts';
import type { Draft, Inspection } from '../../../src-main/contract/studio/images.ts';
import type { App } from '../../state/app.svelte.ts';
import { Operation } from '../../state/operation.svelte.ts';
import { judgeBudget } from '../tune/goal.ts';
import type { TuneSubject } from '../tune/tune-subject.ts';

export const STEPS = ['base', 'images', 'tune', 'train'] as const;
export type Step = (typeof STEPS)[number];
const SAVE_AFTER_MS = 300;

export function freshDraft(engine: TrainConfig['engine'], threads: number): Draft {
  return {
    step: 'base',
    baseId: null,
    name: '',
    source: null,
    seed: 0,
    validation: 0.15,
    test: 0.15,
    excluded: [],
    config: trainConfigSchema.parse({ method: 'taps', engine, threads }),
  };
}

export class Wizard {
  readonly app: App;
  readonly inspecting: Operation;
  readonly creating: Operation;
  draft = $state<Draft>(freshDraft('onnxruntime', 0));
  /** What was found in the pictures; null before they were read. */
  inspection = $state.raw<Inspection | null>(null);
  loaded = $state(false);
  /** The settings ask for something that cannot be had. */
  blocked = $state(false);
  /** Left by an earlier session. */
  resumed = $state(false);
  /** The settings suit the chosen base. */
  fitted = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #finished = false;

  constructor(app: App) {
    this.app = app;
    this.inspecting = new Operation(app.studio);
    this.creating = new Operation(app.studio);
  }

  /** Settings of the run with the facts they are judged by. */
  get subject(): TuneSubject {
    const found = this.inspection;
    return {
      config: this.draft.config,
      baseId: this.draft.baseId,
      classNames: found?.classes ?? [],
      reference: null,
      blocked: (blocked) => {
        this.blocked = blocked;
      },
      trainImages: found?.counts.train ?? 0,
      validationImages: found?.counts.validation ?? 0,
      changed: () => {
        this.keep();
      },
    };
  }

  get step(): Step {
    return this.draft.step;
  }

  /** Steps that can be gone to with the answers so far. */
  canGo(step: Step): boolean {
    const { baseId } = this.draft;
    switch (step) {
      case 'base':
        return true;
      case 'images':
        return baseId !== null;
      case 'train':
        return this.canGo('tune') && !this.blocked;
      case 'tune':
        return baseId !== null && this.inspection !== null && this.remaining > 0 && this.draft.name.trim() !== '';
    }
  }

  /** The settings that suit the base's kind of network take the place of the general ones. */
  async fitToBase(): Promise<void> {
    const { baseId } = this.draft;
    if (baseId === null) return;
    const detail = await this.app.attempt(() => this.app.studio.request('base.show', { id: baseId }));
    if (detail === undefined || this.draft.baseId !== baseId) return;
    const { optimizer, learningRate } = trainConfigSchema.parse({ method: 'taps', ...defaultsForBase(detail.summary.operators) });
    Object.assign(this.draft.config, { optimizer, learningRate });
    this.fitted = true;
    this.keep();
  }

  /** Pictures that are not left out. */
  get remaining(): number {
    return (this.inspection?.images ?? 0) - this.draft.excluded.length;
  }

  async load(): Promise<void> {
    const kept = await this.app.attempt(() => this.app.studio.request('draft.get', {}));
    const settings = this.app.about?.settings;
    if (kept === null || kept === undefined) this.draft = freshDraft(settings?.engine ?? 'onnxruntime', settings?.threads ?? 0);
    else {
      this.draft = kept;
      this.resumed = true;
      this.fitted = true;
    }
    const bases = this.app.overview?.bases ?? [];
    if (this.draft.baseId !== null && !bases.some(({ id }) => id === this.draft.baseId)) this.draft.baseId = null;
    if (this.draft.baseId === null) {
      const [only] = bases;
      if (bases.length === 1 && only !== undefined) {
        this.draft.baseId = only.id;
        void this.fitToBase();
      }
      this.draft.step = 'base';
    }
    this.loaded = true;
    const arrived = this.app.pendingPictures;
    this.app.pendingPictures = null;
    if (arrived !== null) {
      this.draft = { ...this.draft, name: '', step: this.draft.baseId === null ? 'base' : 'images' };
      this.resumed = false;
      this.useGrant(arrived);
      return;
    }
    if (this.draft.source !== null && this.draft.baseId !== null) void this.inspect();
    else if (this.draft.step !== 'base') this.draft.step = this.draft.baseId === null ? 'base' : 'images';
  }

  /** Call after every change of the draft. */
  keep(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.save(), SAVE_AFTER_MS);
  }

  async save(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.loaded || this.#finished) return;
    await this.app.attempt(() => this.app.studio.request('draft.save', $state.snapshot(this.draft)));
  }

  async discard(): Promise<void> {
    clearTimeout(this.#timer);
    await this.inspecting.cancel();
    await this.app.attempt(() => this.app.studio.request('draft.discard', {}));
    this.inspection = null;
    this.resumed = false;
    const settings = this.app.about?.settings;
    this.draft = freshDraft(settings?.engine ?? 'onnxruntime', settings?.threads ?? 0);
  }

  go(step: Step): void {
    if (!this.canGo(step)) return;
    this.resumed = false;
    this.draft.step = step;
    this.keep();
  }

  useGrant(grant: Grant): void {
    this.draft.source = { kind: 'granted', token: grant.token, displayPath: grant.displayPath, name: grant.name };
    void this.#offerName(grant.name.replace(/\.(zip|csv)$/i, ''));
    this.#freshPictures();
  }

  useSample(id: string): void {
    this.draft.source = { kind: 'sample', id };
    void this.#offerName(id);
    this.#freshPictures();
  }

  forgetPictures(): void {
    void this.inspecting.cancel();
    this.draft.source = null;
    this.inspection = null;
    this.draft.excluded = [];
    this.keep();
  }

  #freshPictures(): void {
    this.draft.excluded = [];
    this.inspection = null;
    this.keep();
    void this.inspect();
  }

  /** A name that is free, where the person has not written one. */
  async #offerName(wanted: string): Promise<void> {
    const name = wanted.trim().slice(0, 100);
    if (this.draft.name.trim() !== '' || name === '') return;
    this.draft.name = name;
    const { name: free } = await this.app.studio.request('task.freeName', { wanted: name }).catch(() => ({ name }));
    // Unless it has been written over meanwhile.
    if (this.draft.name === name) this.draft.name = free;
    this.keep();
  }

  async inspect(): Promise<void> {
    const { source, baseId, seed, validation, test } = this.draft;
    if (source === null || baseId === null) return;
    await this.inspecting.cancel();
    const plain = source.kind === 'granted' ? { kind: source.kind, token: source.token } : { kind: source.kind, id: source.id };
    const found = await this.inspecting.run((operationId) => this.app.studio.request('images.inspect', { source: plain, baseId, seed, validation, test, operationId }));
    if (found === undefined) return;
    this.inspection = found;
    this.keep();
  }

  setExcluded(paths: readonly string[], out: boolean): void {
    const excluded = new Set(this.draft.excluded);
    for (const path of paths) {
      if (out) excluded.add(path);
      else excluded.delete(path);
    }
    this.draft.excluded = [...excluded];
    this.keep();
  }

  async #possible(baseId: string, { budget }: TrainConfig): Promise<boolean> {
    if (budget === undefined || budget.kind === 'accuracy') return true;
    return judgeBudget(budget, await this.app.studio.request('train.bounds', { baseId, classNames: this.inspection?.classes ?? [] })) !== 'impossible';
  }

  /** Adds the task and starts its first run. The draft is done with. */
  async start(): Promise<void> {
    const { name, baseId, excluded, config } = $state.snapshot(this.draft);
    const inspectionId = this.inspection?.id;
    if (baseId === null || inspectionId === undefined) return;
    const run = await this.creating.run(async (operationId) => {
      // A draft from another day may ask for what these pictures do not allow: said before there is a task.
      if (!(await this.#possible(baseId, config))) {
        this.draft.step = 'tune';
        return undefined;
      }
      const task = await this.app.studio.request('task.create', { name: name.trim(), baseId, inspectionId, excluded, operationId });
      return this.app.studio.request('run.start', { taskId: task.id, config });
    });
    if (run === undefined) return;
    this.#finished = true;
    clearTimeout(this.#timer);
    await this.app.studio.request('draft.discard', {});
    this.app.router.go(`/run/${run.id}`);
  }
}
