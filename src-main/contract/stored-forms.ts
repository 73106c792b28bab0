/** @file Names of the forms in which numbers of a task can be stored, smaller or exactly. The bytes are in formats/forms. */

/**
 * - `float32`: as it is. `float16`: 11 bits of precision.
 * - `int8`, `int4`, `int3`, `ternary`: whole numbers up to ±127, ±7, ±3, ±1 times a scale per row.
 * - `sign`: one bit per number and a scale per row.
 * - `sparse`: the largest numbers only; the fraction that is kept and how follow in the text, as in `sparse 2 % sign`.
 * - `low-rank`: two factors; rank and form of the factors follow in the text, as in `low-rank 8 int8`.
 * - `bits`: masks.
 */
export const FORM_KINDS = ['float32', 'float16', 'int8', 'int4', 'int3', 'ternary', 'sign', 'sparse', 'low-rank', 'bits'] as const;
export type FormKind = (typeof FORM_KINDS)[number];
