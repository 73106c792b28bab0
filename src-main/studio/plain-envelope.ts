/** @file Errors in a form that travels as JSON. */
import { envelopeOf, type ErrorEnvelope } from '../contract/errors.ts';

/** Details are for machines: what cannot travel is left out. */
export function plainEnvelope(error: unknown): ErrorEnvelope {
  const { code, message, advice, details } = envelopeOf(error);
  if (details === undefined) return { code, message, advice };
  try {
    return { code, message, advice, details: JSON.parse(JSON.stringify(details)) as Record<string, unknown> };
  } catch {
    return { code, message, advice };
  }
}
