/** @file A trainer child of a test's own, from tests/trainer/children. */
import { fileURLToPath } from 'node:url';
import { TrainerClient } from '../../src-main/supervisor/trainer-client.ts';

/** Work of such a child, which is started with the given environment and ended afterwards. */
export async function withChild<T>(name: string, environment: Record<string, string>, work: (client: TrainerClient) => Promise<T>): Promise<T> {
  Object.assign(process.env, environment);
  const client = new TrainerClient({ file: fileURLToPath(new URL(`../trainer/children/${name}.ts`, import.meta.url)) });
  try {
    return await work(client);
  } finally {
    await client.stop();
    for (const variable of Object.keys(environment)) Reflect.deleteProperty(process.env, variable);
  }
}
