// Did the database refuse this, or does it not answer at all?

/**
 * SQLSTATE classes that say nothing about the statement: 08 connection, 53 resources, 57 operator (shutdown, cannot
 * connect now), 58 system, 55P03 and 40 conflicts that pass. No SQLSTATE at all: the socket, or no connection in time.
 */
const PASSING = /^(08|53|57|58|40|55P03|XX)/

export function isStoreDown(error: unknown): boolean {
  // a mistake of ours does not pass by waiting
  if (error instanceof TypeError || error instanceof RangeError) return false
  const code = codeOf(error)
  // EPIPE has five letters too, but every SQLSTATE has a digit
  return code === undefined || !/^(?=.*\d)[0-9A-Z]{5}$/.test(code) || PASSING.test(code)
}

/** PostgreSQL's code for a value that must be unique and is not. */
export function isUniqueViolation(error: unknown): boolean {
  return codeOf(error) === '23505'
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
