// Devices as the API shows them: `/devices`, their state and history.
import { z } from 'zod'
import { DeviceProblem, VariableValue } from '../message/telemetry.ts'
import { PLANS } from '../plan.ts'
import { Instant, PrivilegeList, pageOf, UuidParam, WindowList } from './common.ts'

/** Why nothing newer is known (R90): the agent says the device does not answer, the agent cannot be reached, or neither is known. */
export const Silence = z.object({
  reason: z.enum(['device-not-answering', 'link-lost', 'unknown']),
  since: Instant,
  detail: z.string(),
})
export type Silence = z.infer<typeof Silence>

/** `seq`, `at` and `status` are `null` before the first sample. `stale` values are old: never show them as fresh. */
export const StateView = z.object({
  deviceId: z.uuid(),
  seq: z.int().nullable(),
  at: Instant.nullable(),
  status: z.string().nullable(),
  variables: z.record(z.string(), VariableValue),
  stale: z.boolean(),
  problem: DeviceProblem.nullable(),
  silence: Silence.nullable(),
})
export type StateView = z.infer<typeof StateView>

export const DeviceView = z.object({
  id: z.uuid(),
  name: z.string(),
  mfr: z.string(),
  model: z.string(),
  serial: z.string(),
  plan: z.enum(PLANS),
  timeZone: z.string(),
  /** As an owner or member of the owning company, through a share, or as a guest of the company. */
  via: z.enum(['owner', 'member', 'share', 'guest']),
  /** The company that owns it, for its own people and its guests; `null` for a recipient. */
  company: z.object({ id: z.uuid(), name: z.string() }).nullable(),
  /** Who shares it with the asker; `null` for one's own. */
  sharedBy: z.object({ name: z.string(), email: z.string() }).nullable(),
  until: Instant.nullable(),
  /** Outside them it cannot be seen, by the clock of its time zone. */
  windows: WindowList,
  privileges: PrivilegeList,
  state: StateView,
})
export type DeviceView = z.infer<typeof DeviceView>

export const DevicePage = pageOf(DeviceView)
/** `mine`: of one's own company; `shared`: by shares; `company`: as a guest of `companyId`, or of one's own company. */
export const DeviceQuery = z.object({
  scope: z.enum(['mine', 'shared', 'company']).optional(),
  companyId: UuidParam.optional(),
  groupId: UuidParam.optional(),
})

export const TimeZone = z.string().max(64).refine(isTimeZone, 'name a time zone such as Europe/Berlin')

export const DeviceClaim = z.strictObject({
  code: z.string().min(1).max(64),
  name: z.string().trim().min(1).max(64).optional(),
  timeZone: TimeZone.optional(),
})

export const DeviceChange = z.strictObject({
  name: z.string().trim().min(1).max(64).optional(),
  timeZone: TimeZone.optional(),
})

/** Points of one variable, oldest first; `null` marks a gap. */
export const HistoryQuery = z.object({
  variables: z.string().max(1000),
  from: Instant.optional(),
  to: Instant.optional(),
  points: z.coerce.number().int().min(10).max(5000).default(500),
})
export const HistoryView = z.object({
  deviceId: z.uuid(),
  from: Instant,
  to: Instant,
  series: z.array(z.object({ variable: z.string(), points: z.array(z.tuple([Instant, z.number().nullable()])) })),
})
export type HistoryView = z.infer<typeof HistoryView>

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}
