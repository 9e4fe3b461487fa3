// When a share counts, checked the same way for a new one and for one that is changed.
import { Fault } from '@ridethrough/protocol/fault.ts'

type Bounds = { readonly startsAt: Date | null; readonly endsAt: Date | null }

/** Throws `input-invalid` for an end that is past, or not after the start. */
export function needPeriod({ startsAt, endsAt }: Bounds, now: number): void {
  if (endsAt === null) return
  if (endsAt.getTime() <= now) throw wrongInput('until', 'the end is past already')
  if (startsAt && endsAt <= startsAt) throw wrongInput('until', 'the end must come after the start')
}

export function wrongInput(path: string, message: string): Fault {
  return new Fault('input-invalid', `Look again at: ${path} (${message})`, { fields: [{ path, message }] })
}
