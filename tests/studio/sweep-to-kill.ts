/** @file A studio in a process of its own that goes through a sweep until somebody kills it. No tests. Arguments: home of a StudioPlace, task. */
import { join } from 'node:path';
import { createStudio } from '../../src-main/studio/studio.ts';
import { NO_PLATFORM, quickConfig } from './harness.ts';

const [home = '', taskId = ''] = process.argv.slice(2);
const studio = await createStudio({ libraryFolder: join(home, 'home', 'library'), transport: 'loopback', platform: NO_PLATFORM, settingsFolder: join(home, 'settings') });
let epochs = 0;
studio.onEvent((event) => {
  // The first run is over, and the second one has something to lose.
  if (event.name === 'run.epoch' && ++epochs === 4) console.log('in the middle');
});
const reply = await studio.handle('sweep.start', { taskIds: [taskId], config: quickConfig({ epochs: 3 }), lambdas: [], seeds: [21, 22, 23] });
if (!reply.ok) throw new Error(reply.error.message);
