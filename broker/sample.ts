// Samples as agents publish them: looked at by hand where they are as they should be, by the schema where they are not.
import { Backlog, DeviceProblem, MAX_BACKLOG_SAMPLES, Sample } from '@ridethrough/protocol/message/telemetry.ts'
import { VARIABLE_NAME } from '@ridethrough/protocol/variable.ts'
import type { z } from 'zod'

/** The last instant that has a four-digit year: beyond it, dates have no form that everybody reads. */
const LAST_INSTANT = Date.UTC(9999, 11, 31)
const STATUS = /^[A-Z0-9][A-Z0-9 ]*$/
const MAX_VARIABLES = 512
/** Names found right; devices share theirs, so a few hundred are all there are. Then it begins anew. */
const MAX_KNOWN_NAMES = 5000

const knownNames = new Set<string>()
const problems: ReadonlySet<unknown> = new Set(DeviceProblem.options)

/** The sample, or why it is none; the reason names the first field at fault and never holds what was sent. */
export function readSample(payload: Buffer): Sample | string {
  const json = parseJson(payload)
  if (json === undefined) return NOT_JSON
  const sample = isPlainSample(json) ? json : check(Sample, json)
  if (typeof sample !== 'string' && sample.at > LAST_INSTANT) return 'payload-malformed: at'
  return sample
}

/** The same for a backlog. */
export function readBacklog(payload: Buffer): readonly Sample[] | string {
  const json = parseJson(payload)
  if (json === undefined) return NOT_JSON
  const backlog = isPlainBacklog(json) ? json : check(Backlog, json)
  if (typeof backlog === 'string') return backlog
  return backlog.samples.some(({ at }) => at > LAST_INSTANT) ? 'payload-malformed: samples' : backlog.samples
}

/** The message, or why it is none. */
export function readMessage<T>(schema: z.ZodType<T>, payload: Buffer): T | string {
  const json = parseJson(payload)
  return json === undefined ? NOT_JSON : check(schema, json)
}

const NOT_JSON = 'payload-malformed: not JSON'

/** `undefined`: not JSON. JSON itself has no word for it. */
function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function check<T>(schema: z.ZodType<T>, json: unknown): T | string {
  const result = schema.safeParse(json)
  if (result.success) return result.data
  return `payload-malformed: ${fieldOf(result.error.issues[0]?.path ?? [])}`
}

/**
 * True only of what the schema takes, and gives back as it is; where it says false, the schema has the last word. The
 * schema takes 9 µs for a sample of fifteen variables, this less than one.
 */
export function isPlainSample(json: unknown): json is Sample {
  if (!isObject(json) || Object.keys(json).length !== 5) return false
  const { kind, seq, at, status, variables, problem, detail } = json
  if (!Number.isSafeInteger(seq) || (seq as number) <= 0 || !Number.isSafeInteger(at) || (at as number) < 0)
    return false
  if (kind === 'values') return isShort(status, 128) && STATUS.test(status) && areVariables(variables)
  return kind === 'problem' && problems.has(problem) && isShort(detail, 256)
}

export function isPlainBacklog(json: unknown): json is Backlog {
  if (!isObject(json) || Object.keys(json).length !== 1 || !Array.isArray(json.samples)) return false
  const { samples } = json
  return samples.length > 0 && samples.length <= MAX_BACKLOG_SAMPLES && samples.every(isPlainSample)
}

function areVariables(json: unknown): boolean {
  if (!isObject(json)) return false
  let count = 0
  // What JSON.parse made has no names but its own.
  for (const name in json) {
    count += 1
    const value = json[name]
    if (typeof value === 'number' ? !Number.isFinite(value) : !isShort(value, 1024)) return false
    if (!knownNames.has(name) && !isName(name)) return false
  }
  return count <= MAX_VARIABLES
}

function isName(name: string): boolean {
  if (name.length > 128 || !VARIABLE_NAME.test(name)) return false
  if (knownNames.size >= MAX_KNOWN_NAMES) knownNames.clear()
  knownNames.add(name)
  return true
}

function isShort(value: unknown, length: number): value is string {
  return typeof value === 'string' && value.length <= length
}

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

/** As far as the names are ours: what stands below `variables` was named by whoever sent it. */
function fieldOf(path: readonly PropertyKey[]): string {
  const last = path.indexOf('variables')
  return (last < 0 ? path : path.slice(0, last + 1)).join('.')
}
