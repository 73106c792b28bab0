/** @file What a machine can compute with, as reported to a person. */
import type { ENGINE_IDS } from './training.ts';

export type EngineId = (typeof ENGINE_IDS)[number];

export interface EngineInfo {
  id: EngineId;
  available: boolean;
  /** One line: version and device, or the exact reason why it is unavailable. */
  description: string;
}
