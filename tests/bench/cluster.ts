/**
 * @file `npm run bench -- cluster`: a sweep on a Slurm of one node next to the same sweep here, in the same run; and how long a look at
 * many jobs takes. Writes its section of docs/benchmarks.md.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { slurmOptions } from '../../src-main/cluster/slurm-options.ts';
import { addTask } from '../../src-main/services/add-task.ts';
import { ClusterFolder } from '../../src-main/services/cluster/cluster-folder.ts';
import { submitSweep } from '../../src-main/services/cluster/submit.ts';
import { waitForSweep } from '../../src-main/services/cluster/sweep-cluster.ts';
import { importBase } from '../../src-main/services/import-base.ts';
import { openLibrary } from '../../src-main/services/open-library.ts';
import { runSweep } from '../../src-main/services/sweep.ts';
import { planSweep } from '../../src-main/services/sweep-plan.ts';
import { startSlurm } from '../helpers/slurm.ts';
import { machineWords, median, ROOT, writeSection } from './report.ts';

const RUNS = 6;
const EPOCHS = 8;
const JOBS = 1000;
const TURNS = 3;

const slurm = await startSlurm();
if (typeof slurm === 'string') {
  console.log(`skipped: ${slurm}`);
  process.exit(0);
}
Object.assign(process.env, slurm.env);
const folder = mkdtempSync(join(tmpdir(), 'taps-bench-cluster-'));
const libraryFolder = join(folder, 'library');
const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
};

/** A sweep with seeds of its own: equal ones would not be learnt again. */
function newSweep(turn: number): string {
  using library = openLibrary(libraryFolder);
  const { entries } = planSweep(library, { tasks: ['drawings'], methods: ['taps'], lambdas: [1], budgets: [], path: null, seeds: Array.from({ length: RUNS }, (_, seed) => turn * RUNS + seed), common: { epochs: EPOCHS, threads: 1 } });
  return library.sweeps.add('bench', entries).id;
}

async function here(turn: number): Promise<number> {
  const id = newSweep(turn);
  using library = openLibrary(libraryFolder);
  return await seconds(() => runSweep(library, id, { parallel: 2 }));
}

async function there(turn: number): Promise<number> {
  const id = newSweep(turn);
  return seconds(async () => {
    const library = openLibrary(libraryFolder);
    try {
      await submitSweep(library, id, { slurm: slurmOptions({ cpus: 1 }), program: [process.execPath, join(ROOT, 'src-main', 'cli', 'main.ts')] });
    } finally {
      library.close();
    }
    await waitForSweep(libraryFolder, id, { pollMs: 500 });
  });
}

try {
  {
    using library = openLibrary(libraryFolder, { create: true });
    await importBase(library, { path: join(ROOT, 'resources', 'base', 'cifar10-resnet.onnx'), name: 'base' });
    await addTask(library, { name: 'drawings', base: 'base', images: join(ROOT, 'resources', 'samples', 'drawings'), seed: 1, validation: 0.15, test: 0.3 });
  }
  const times = { here: [] as number[], there: [] as number[] };
  for (let turn = 0; turn < TURNS; turn++) {
    times.here.push(await here(2 * turn));
    times.there.push(await there(2 * turn + 1));
    console.log(`turn ${String(turn + 1)}: here ${(times.here.at(-1) ?? 0).toFixed(1)} s, on Slurm ${(times.there.at(-1) ?? 0).toFixed(1)} s`);
  }

  const shared = new ClusterFolder(join(folder, 'many'));
  mkdirSync(shared.path, { recursive: true });
  await shared.make();
  const positions = Array.from({ length: JOBS }, (_, position) => position);
  for (const position of positions) mkdirSync(shared.jobFolder(position), { recursive: true });
  const looks: number[] = [];
  for (let turn = 0; turn < 5; turn++) looks.push(await seconds(() => shared.look(positions)));

  const [local, remote] = [median(times.here), median(times.there)];
  writeSection('cluster', `## A sweep on Slurm beside the same sweep here

Made by \`npm run bench -- cluster\` (${machineWords(1)}, ${String(availableParallelism())} cores, ${String(TURNS)} turns each in the same run, medians). Slurm of one node, so that both sides have the same cores: what is left is the price of sending, starting a process per run and taking results in.

| what | here, two trainers at a time | on Slurm, two jobs at a time | ratio |
| --- | --- | --- | --- |
| ${String(RUNS)} runs of TAPS, 240 pictures, ${String(EPOCHS)} epochs, one thread each | ${local.toFixed(1)} s | ${remote.toFixed(1)} s | ${(remote / local).toFixed(2)} |

One look at ${String(JOBS)} jobs in a folder on a local disk: ${(1000 * median(looks)).toFixed(0)} ms.`);
} finally {
  await slurm.stop();
  rmSync(folder, { recursive: true, force: true });
}
