// Where a page goes on: opaque to those who send it back.
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { z } from 'zod'

export function formatCursor(place: unknown): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url')
}

/** `undefined` for the first page; throws `input-invalid` for what was not made by `formatCursor`. */
export function parseCursor<T extends z.ZodType>(schema: T, cursor: string | undefined): z.infer<T> | undefined {
  if (cursor === undefined) return undefined
  const { success, data } = schema.safeParse(read(cursor))
  if (success) return data
  const message = 'take it from the page before'
  throw new Fault('input-invalid', 'Look again at: cursor', { fields: [{ path: 'cursor', message }] })
}

function read(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
