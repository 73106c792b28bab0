/** @file A trainer that may map only so many bytes beyond what it has (TEST_ADDRESS_SPACE): allocations really fail above. Linux. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
// Loaded first, so that the limit is for the work and not for code.
import 'onnxruntime-node';
import '../../../src-main/engine/index.ts';

await import('../../../src-main/trainer/main.ts');
const mapped = Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[0]) * 4096;
execFileSync('prlimit', ['--pid', String(process.pid), `--as=${String(mapped + Number(process.env['TEST_ADDRESS_SPACE']))}`]);
