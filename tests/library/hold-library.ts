/** @file Child process of lock.test: becomes the writer with a running run, says so, and waits to be killed. */
import { openLibrary } from '../../src-main/library/library.ts';
import { addSampleTask, sampleConfig } from './sample-library.ts';

const library = openLibrary(process.argv[2] ?? '');
const task = await addSampleTask(library);
library.runs.setStatus(library.runs.create(task.id, sampleConfig()).id, 'running');
process.stdout.write('held\n');
setInterval(() => undefined, 1000);
