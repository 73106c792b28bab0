/** @file From a request as it arrives to an answer as it leaves: name and input checked, errors as envelopes. */
import type { z } from 'zod';
import { TapsError } from '../contract/errors.ts';
import { isRequestName, STUDIO_REQUESTS, type Reply, type RequestName } from '../contract/studio/contract.ts';
import type { StudioContext } from './context.ts';
import { HANDLERS } from './handlers/index.ts';
import { plainEnvelope } from './plain-envelope.ts';

/** Longest piece of foreign text that an error repeats. */
const QUOTED_LENGTH = 80;

/** Never throws. */
export async function answerRequest(context: StudioContext, name: unknown, input: unknown): Promise<Reply<unknown>> {
  try {
    if (!isRequestName(name)) {
      throw new TapsError('usage', `There is no request ${quote(name)}.`, 'Load the window again; it may be of another version.');
    }
    const parsed = STUDIO_REQUESTS[name].input.safeParse(input);
    if (!parsed.success) throw invalidInput(name, parsed.error);
    // The table pairs every name with the handler of its input; the union of all pairs cannot say so.
    const handler = HANDLERS[name] as (context: StudioContext, input: unknown) => unknown;
    return { ok: true, value: (await handler(context, parsed.data)) ?? null };
  } catch (error) {
    return { ok: false, error: plainEnvelope(error) };
  }
}

function invalidInput(name: RequestName, error: z.ZodError): TapsError {
  const issue = error.issues[0];
  const path = issue === undefined || issue.path.length === 0 ? 'the request' : issue.path.map(String).join('.');
  return new TapsError('invalid-config', `${name}: ${path.slice(0, QUOTED_LENGTH)} is not valid: ${issue?.message ?? 'unknown reason'}.`, 'Correct that value and try again.', { details: { path } });
}

function quote(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, QUOTED_LENGTH)) : `of type ${typeof value}`;
}
