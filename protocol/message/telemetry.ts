// Payloads of `v1/devices/{deviceId}/state` and `…/backlog`: what an agent measured, and when.
import { z } from 'zod'
import { VARIABLE_NAME } from '../variable.ts'

/** NUT's values: numbers where the variable is a number, else text. Never null: what is unknown is left out. */
export const VariableValue = z.union([z.number(), z.string().max(1024)])
export const Variables = z
  .record(z.string().max(128).regex(VARIABLE_NAME), VariableValue)
  .refine((variables) => Object.keys(variables).length <= 512, 'at most 512 variables')

/** Why an agent has no values: the device gave no answer, or an answer that makes no sense. */
export const DeviceProblem = z.enum(['no-answer', 'nonsense'])
export type DeviceProblem = z.infer<typeof DeviceProblem>

/**
 * One sample. `seq` counts up by one per device, from 1, and never repeats; `at` is the agent's clock in
 * milliseconds since 1970 when the device answered. A sample with a `problem` carries no variables: the last known
 * ones stay what they were, marked stale.
 */
export const Sample = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('values'),
    seq: z.int().positive(),
    at: z.int().nonnegative(),
    /** ups.status: NUT's words, separated by spaces. */
    status: z
      .string()
      .max(128)
      .regex(/^[A-Z0-9][A-Z0-9 ]*$/),
    variables: Variables,
  }),
  z.strictObject({
    kind: z.literal('problem'),
    seq: z.int().positive(),
    at: z.int().nonnegative(),
    problem: DeviceProblem,
    detail: z.string().max(256),
  }),
])
export type Sample = z.infer<typeof Sample>

export const MAX_BACKLOG_SAMPLES = 100

/** Journaled samples, oldest first: sent when the cloud could not be reached at their time. */
export const Backlog = z.strictObject({ samples: z.array(Sample).min(1).max(MAX_BACKLOG_SAMPLES) })
export type Backlog = z.infer<typeof Backlog>
