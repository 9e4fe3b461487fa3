// Names that a company gives once: what the database says of a second one, in our words.
import type { Fault } from '@ridethrough/protocol/fault.ts'

/** SQLSTATE unique_violation. */
const UNIQUE = '23505'

/** Throws `taken` where the unique index `constraint` refuses what `run` writes; the transaction is void then. */
export async function namedOnce<T>(constraint: string, taken: () => Fault, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (isViolation(error, constraint)) throw taken()
    throw error
  }
}

function isViolation(error: unknown, constraint: string): boolean {
  if (!(error instanceof Error) || !('code' in error) || !('constraint' in error)) return false
  return error.code === UNIQUE && error.constraint === constraint
}
