/** @file What is written for Slurm and read from it: options, script, states; and which jobs are sent. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { chunks, isOver, jobState, positionsToSend, type JobFacts } from '../../src-main/cluster/job-state.ts';
import { logOf, quote, scriptText } from '../../src-main/cluster/script.ts';
import { secondsOf, slurmOptions } from '../../src-main/cluster/slurm-options.ts';
import { expandIndices, parseAccounting, parseJobs, parseQueue, parseSubmitted } from '../../src-main/cluster/slurm-output.ts';
import { TapsError } from '../../src-main/contract/errors.ts';

const refused = (pattern: RegExp) => (error: unknown): boolean => error instanceof TapsError && error.code === 'usage' && pattern.test(error.message);

describe('options', () => {
  test('what could not stand in a script is refused with its option and value', () => {
    for (const [options, words] of [
      [{ partition: 'a b' }, /--partition "a b"/],
      [{ partition: 'gpu\n#SBATCH --uid=0' }, /--partition/],
      [{ time: 'soon' }, /--time "soon".*minutes/],
      [{ time: '1:2:3:4' }, /--time/],
      [{ memory: '8 GB' }, /--mem "8 GB"/],
      [{ cpus: 0 }, /--cpus 0 is not possible: it is out of range/],
      [{ directives: ['--gres=gpu:1', 'gres=gpu'] }, /--sbatch "gres=gpu".*must start with -/],
      [{ directives: ['--gres=gpu:1\nrm -rf /'] }, /--sbatch/],
      [{ directives: ['--array=0-3'] }, /--array=0-3.*set by taps itself/],
      [{ directives: ['-o x'] }, /set by taps itself/],
      [{ setup: ['module load node\nexit 1'] }, /--setup/],
    ] as const) {
      assert.throws(() => slurmOptions({ ...options } as Parameters<typeof slurmOptions>[0]), refused(words), JSON.stringify(options));
    }
    assert.deepEqual(slurmOptions({ time: '1-12', memory: '8G', directives: ['--gres=gpu:1'] }), { time: '1-12', memory: '8G', directives: ['--gres=gpu:1'], setup: [] });
  });

  test('times in every form', () => {
    for (const [text, seconds] of [['90', 5400], ['1:30', 90], ['1:30:00', 5400], ['1-12', 129_600], ['2-1:30', 178_200], ['0-0:0:45', 45]] as const) assert.equal(secondsOf(text), seconds, text);
    assert.equal(secondsOf(undefined), null);
  });
});

describe('script', () => {
  const parts = { jobName: 'taps-ab-3', count: 5, options: slurmOptions({}), program: ['/usr/bin/node', '/opt/my taps/main.ts'], folder: "/shared/it's 50%", submission: 3 };

  test('one line per wish; the program takes the place of the shell', () => {
    const options = slurmOptions({ partition: 'gpu', account: 'lab', time: '2:00:00', memory: '8G', cpus: 4, atOnce: 2, directives: ['--gres=gpu:1'], setup: ['module load node'] });
    assert.equal(
      scriptText({ ...parts, options }),
      `#!/bin/bash
#SBATCH --job-name=taps-ab-3
#SBATCH --array=0-4%2
#SBATCH --output=logs/0003-%a.log
#SBATCH --open-mode=append
#SBATCH --ntasks=1
#SBATCH --signal=B:USR2@120
#SBATCH --partition=gpu
#SBATCH --account=lab
#SBATCH --time=2:00:00
#SBATCH --mem=8G
#SBATCH --cpus-per-task=4
#SBATCH --gres=gpu:1

module load node
exec /usr/bin/node '/opt/my taps/main.ts' cluster-job '/shared/it'\\''s 50%' 3 "$SLURM_ARRAY_TASK_ID"
`,
    );
    assert.equal(logOf(3, 0), 'logs/0003-0.log');
  });

  test('the warning fits the time', () => {
    const warning = (time?: string): string | undefined => /USR2@(\d+)/u.exec(scriptText({ ...parts, options: slurmOptions(time === undefined ? {} : { time }) }))?.[1];
    assert.deepEqual([warning(), warning('1'), warning('10'), warning('1-0')], ['60', '20', '60', '120']);
  });

  test('a shell takes every word as it is', { skip: process.platform === 'win32' && 'there is no sh' }, () => {
    const words = ["it's", 'a b', '$HOME', '`id`', '"', '\\', '50%', '*', 'ä', 'line\nbreak', ';', '-n'];
    const said = execFileSync('sh', ['-c', `printf '%s\\0' ${words.map(quote).join(' ')}`], { encoding: 'utf8' });
    assert.deepEqual(said.split('\0').slice(0, -1), words);
  });
});

describe('what Slurm prints', () => {
  test('ids, queues, ended jobs, accounting; other lines are passed over', () => {
    assert.deepEqual([parseSubmitted('12\n'), parseSubmitted('12;cluster\n'), parseSubmitted('Submitted batch job'), parseSubmitted('')], [12, 12, null, null]);
    const queue = parseQueue('4_|x\n12|0|RUNNING|None|taps-a-1\n12|1-2|PENDING|Resources|taps-a-1\n  13|N/A|RUNNING|None|other\nslurm_load_jobs error: nothing\n');
    assert.deepEqual(queue.map(({ jobId, index, state, reason, name }) => [jobId, index, state, reason, name]), [
      [12, 0, 'RUNNING', '', 'taps-a-1'], [12, 1, 'PENDING', 'Resources', 'taps-a-1'], [12, 2, 'PENDING', 'Resources', 'taps-a-1'],
    ]);
    const jobs = parseJobs(
      'JobId=13 ArrayJobId=12 ArrayTaskId=1 JobName=a UserId=root(0) JobState=TIMEOUT Reason=TimeLimit Dependency=(null) ExitCode=0:15 RunTime=00:01:00\n' +
        'JobId=14 JobName=b JobState=RUNNING ExitCode=0:0\n' +
        'JobId=12 ArrayJobId=12 ArrayTaskId=2-3%2 JobName=a JobState=PENDING Reason=None ExitCode=0:0\n',
    );
    assert.deepEqual(jobs.map(({ index, state, reason, exit }) => [index, state, reason, exit]), [[1, 'TIMEOUT', 'TimeLimit', { code: 0, signal: 15 }], [2, 'PENDING', '', null], [3, 'PENDING', '', null]]);
    assert.deepEqual(
      parseAccounting('12_0|CANCELLED by 1000|0:15\n12_0.batch|CANCELLED|0:15\n12_[3-4%2]|PENDING|0:0\n12_1|OUT_OF_MEMORY|0:125\n').map(({ index, state }) => [index, state]),
      [[0, 'CANCELLED'], [3, 'PENDING'], [4, 'PENDING'], [1, 'OUT_OF_MEMORY']],
    );
  });

  test('indices: what was written is read back; anything else is none', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(5000), { minLength: 1, maxLength: 20 }), (indices) => {
        assert.deepEqual(expandIndices(indices.join(',')), indices);
      }),
    );
    assert.deepEqual([expandIndices('1,3-5%2'), expandIndices('N/A'), expandIndices(''), expandIndices('1-'), expandIndices('4294967294')], [[1, 3, 4, 5], [], [], [], [4294967294]]);
    assert.ok(expandIndices('0-4294967294').length <= 1_000_000);
  });
});

describe('what has become of a job', () => {
  const facts: JobFacts = { hasResult: false, sent: { submission: 2, jobId: 12, index: 0 }, slurm: null, asked: true, failure: null, settled: false, log: '/logs/0002-0.log' };
  const slurm = (state: string, exit: { code: number; signal: number } | null = null): JobFacts['slurm'] => ({ jobId: 12, index: 0, state, reason: '', exit });
  const own = (submission: number): JobFacts['failure'] => ({ submission, error: { code: 'dataset-changed', message: 'A picture is gone.', advice: 'Put it back.' } });

  test('a result counts whatever Slurm says; a job with Slurm is not failed by old words', () => {
    assert.equal(jobState({ ...facts, hasResult: true, slurm: slurm('CANCELLED'), failure: own(2) }).state, 'finished');
    assert.equal(jobState({ ...facts, slurm: slurm('PENDING'), failure: own(1) }).state, 'waiting');
    assert.equal(jobState({ ...facts, slurm: slurm('COMPLETING') }).state, 'running');
    assert.equal(jobState({ ...facts, sent: null }).state, 'unsent');
    assert.equal(jobState({ ...facts, asked: false }).state, 'unknown');
    assert.equal(jobState({ ...facts, asked: false, failure: own(2) }).state, 'failed');
    assert.equal(jobState({ ...facts, slurm: slurm('COMPLETED', { code: 0, signal: 0 }) }).state, 'ending');
    assert.equal(jobState({ ...facts, slurm: slurm('COMPLETED', { code: 0, signal: 0 }), settled: true }).state, 'failed');
  });

  test('why it failed: Slurm where it ended the job, else the job itself, else its end', () => {
    const why = (change: Partial<JobFacts>): string => {
      const { state, failure } = jobState({ ...facts, ...change });
      assert.equal(state, 'failed');
      assert.ok(failure !== null && failure.advice !== '');
      return `${failure.code}: ${failure.message}`;
    };
    assert.match(why({ slurm: slurm('TIMEOUT'), failure: own(2) }), /cluster-failed: .*time was over/);
    assert.match(why({ slurm: slurm('OUT_OF_MEMORY') }), /out-of-memory: /);
    assert.match(why({ slurm: slurm('CANCELLED') }), /cancelled: /);
    assert.match(why({ slurm: slurm('NODE_FAIL') }), /node of the job failed/);
    assert.match(why({ slurm: slurm('PREEMPTED') }), /give way/);
    assert.match(why({ slurm: slurm('FAILED', { code: 4, signal: 0 }), failure: own(2) }), /dataset-changed: A picture is gone/);
    assert.match(why({ slurm: slurm('FAILED', { code: 0, signal: 9 }), failure: own(1) }), /ended by signal 9, without a word.*memory/);
    assert.match(why({ slurm: slurm('FAILED', { code: 127, signal: 0 }) }), /exit code 127/);
    assert.match(why({}), /is gone, without a result/);
  });

  test('only what has no result and is not with Slurm is sent, in arrays that Slurm allows', () => {
    const jobs = (['unsent', 'waiting', 'running', 'ending', 'finished', 'failed', 'unknown'] as const).map((state, position) => ({ position, state }));
    assert.deepEqual(positionsToSend(jobs), [0, 5]);
    assert.deepEqual(jobs.filter(({ state }) => isOver(state)).map(({ state }) => state), ['unsent', 'finished', 'failed']);
    fc.assert(
      fc.property(fc.array(fc.nat()), fc.integer({ min: 1, max: 7 }), (values, size) => {
        const parts = chunks(values, size);
        assert.deepEqual(parts.flat(), values);
        assert.ok(parts.every((part) => part.length > 0 && part.length <= size));
      }),
    );
  });
});
