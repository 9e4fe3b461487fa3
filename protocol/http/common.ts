// What every route shares: ids, instants, pages, problems.
import { z } from 'zod'
import { FAULTS, type FaultCode } from '../fault.ts'
import { PRIVILEGES } from '../privilege.ts'
import { WEEKDAYS } from '../window.ts'

export const UuidParam = z.uuid().toLowerCase()
export const IdParams = z.object({ id: UuidParam })

/** Instants travel as ISO 8601 in UTC. */
export const Instant = z.iso.datetime()

/** Addresses are kept as typed and compared folded (`foldAddress`). 254 characters: RFC 5321 section 4.5.3.1.3. */
export const EmailAddress = z.email('this is not an e-mail address').max(254)

/** The form in which two addresses are the same address. */
export function foldAddress(address: string): string {
  return address.trim().normalize('NFKC').toLowerCase()
}

export const PrivilegeList = z.array(z.enum(PRIVILEGES)).max(PRIVILEGES.length)

const TIME_OF_DAY = /^(?:[01]\d|2[0-3]):[0-5]\d$/

/** R23: `until` before or at `from` is on the following day; `24:00` ends the day itself. */
export const Window = z.strictObject({
  days: z
    .array(z.literal(WEEKDAYS))
    .min(1, 'choose at least one weekday')
    .max(7)
    .refine((days) => new Set(days).size === days.length, 'name each weekday once'),
  from: z.string().regex(TIME_OF_DAY, 'write the time as 08:00'),
  until: z.string().refine((time) => time === '24:00' || TIME_OF_DAY.test(time), 'write the time as 17:00'),
})
/** Empty: at all times of the period. */
export const WindowList = z.array(Window).max(14, 'fourteen windows at most')

/** A list: `next` is the cursor of the following page, `null` on the last one. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), next: z.string().nullable() })
}

export const PageQuery = z.object({
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
})

/** RFC 9457, with a stable `code`, and `fields` where single inputs are at fault. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(Object.keys(FAULTS) as [FaultCode, ...FaultCode[]]),
  detail: z.string(),
  fields: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
})
export type Problem = z.infer<typeof Problem>
