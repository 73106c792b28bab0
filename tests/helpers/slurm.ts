/**
 * @file A Slurm of one node for tests: its own key, ports and folder, so that it meets no other. Needs Debian's slurm-wlm and munge;
 * started as children of the test, ended with it.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, hostname, tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TestSlurm {
  folder: string;
  /** For processes that talk to it. */
  env: Record<string, string>;
  /** Output of one of Slurm's commands. */
  ask(command: string, ...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

const READY_MS = 30_000;
const NEEDED = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'squeue', 'scancel', 'scontrol', 'sinfo'];

function find(program: string): string | null {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']) {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return join(folder, program);
    } catch {
      // The next one.
    }
  }
  return null;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}

function output(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ code: number; text: string }> {
  return new Promise((resolve) => {
    execFile(command, [...args], { env, encoding: 'utf8', timeout: 30_000 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : 1, text: error === null ? out : err });
    });
  });
}

/** Starts it, or says in one line why it cannot be had here. */
export async function startSlurm(): Promise<TestSlurm | string> {
  const missing = NEEDED.filter((program) => find(program) === null);
  if (missing.length > 0) return `no Slurm here: ${missing.join(', ')} not found (Debian: slurm-wlm, munge)`;
  const folder = mkdtempSync(join(tmpdir(), 'taps-slurm-'));
  // munge refuses folders that its clients cannot reach.
  chmodSync(folder, 0o755);
  for (const name of ['munge', 'state', 'spool']) mkdirSync(join(folder, name), { mode: 0o755 });
  const at = (...parts: string[]): string => join(folder, ...parts);
  writeFileSync(at('munge', 'key'), randomBytes(1024), { mode: 0o400 });
  const host = hostname().split('.')[0] ?? 'localhost';
  const user = userInfo().username;
  const conf = at('slurm.conf');
  writeFileSync(conf, `ClusterName=tapstest
SlurmctldHost=${host}(127.0.0.1)
SlurmctldPort=${String(await freePort())}
SlurmdPort=${String(await freePort())}
SlurmUser=${user}
SlurmdUser=${user}
AuthType=auth/munge
AuthInfo=socket=${at('munge', 'socket')}
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,batch_sched_delay=0
StateSaveLocation=${at('state')}
SlurmdSpoolDir=${at('spool')}
SlurmctldPidFile=${at('slurmctld.pid')}
SlurmdPidFile=${at('slurmd.pid')}
ReturnToService=2
KillWait=10
NodeName=${host} NodeAddr=127.0.0.1 CPUs=${String(availableParallelism())} RealMemory=1000 State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`);
  const env = { ...process.env, SLURM_CONF: conf };
  const children: { child: ChildProcess; said: () => string }[] = [];
  const start = (program: string, ...args: string[]): void => {
    const child = spawn(find(program) ?? program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text = (text + chunk.toString()).slice(-4000)));
    child.once('error', (error) => (text += error.message));
    children.push({ child, said: () => text });
  };
  const onExit = (): void => {
    for (const { child } of children) child.kill('SIGKILL');
  };
  const onSignal = (): void => {
    process.exit(143);
  };
  process.once('exit', onExit);
  // A test file that takes too long is ended by one; its daemons must not stay.
  process.once('SIGTERM', onSignal);
  const ask = async (command: string, ...args: string[]): Promise<string> => {
    const { code, text } = await output(find(command) ?? command, args, env);
    if (code !== 0) throw new Error(`${command}: ${text}`);
    return text;
  };
  const stop = async (): Promise<void> => {
    await ask('scancel', `--user=${user}`).catch(() => undefined);
    for (let waited = 0; waited < 15_000 && (await ask('squeue', '--noheader').catch(() => '')).trim() !== ''; waited += 200) await sleep(200);
    for (const { child } of children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await Promise.race([gone, sleep(5_000)]);
      child.kill('SIGKILL');
    }
    process.off('exit', onExit);
    process.off('SIGTERM', onSignal);
    rmSync(folder, { recursive: true, force: true });
  };

  start('munged', '--foreground', `--socket=${at('munge', 'socket')}`, `--key-file=${at('munge', 'key')}`, `--pid-file=${at('munge', 'pid')}`, `--log-file=${at('munge', 'log')}`, `--seed-file=${at('munge', 'seed')}`);
  for (let waited = 0; waited < 5_000 && !exists(at('munge', 'socket')); waited += 50) await sleep(50);
  start('slurmctld', '-D', '-f', conf);
  start('slurmd', '-D', '-f', conf);
  for (let waited = 0; waited < READY_MS; waited += 250) {
    const { text } = await output(find('sinfo') ?? 'sinfo', ['--noheader', '--format=%T'], env);
    if (/^idle/mu.test(text)) return { folder, env: { SLURM_CONF: conf }, ask, stop };
    if (children.some(({ child }) => child.exitCode !== null)) break;
    await sleep(250);
  }
  const why = children.map(({ said }) => said()).concat(readLog(at('munge', 'log'))).join('\n').split('\n').filter((line) => /error|fatal/iu.test(line)).at(-1) ?? 'its node does not get ready';
  await stop();
  return `Slurm cannot be started here: ${why.trim().slice(0, 200)}`;
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

function readLog(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
